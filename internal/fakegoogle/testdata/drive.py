"""Drives a tenant with Google's own Python client: drive.py URL KEYFILE MODULE-DIRECTORY, prints what it read as JSON.

The discovery documents are those of the Go module; only their rootUrl is changed.
"""
import json
import os
import sys

import google_auth_httplib2
import httplib2
from google.oauth2 import service_account
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError

URL, KEY_FILE, MODULE = sys.argv[1:4]
AUTH = "https://www.googleapis.com/auth/"
ADMIN, VICTIM = "admin@example.test", "alice@example.test"


def service(document, subject, *scopes):
    with open(os.path.join(MODULE, document), encoding="utf-8") as f:
        description = json.load(f)
    description["rootUrl"] = URL + "/"
    credentials = service_account.Credentials.from_service_account_file(KEY_FILE, scopes=scopes, subject=subject)
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http())
    return build_from_document(description, http=http)


def everything(resource, request, items):
    """All items of all pages, with the client's own list_next."""
    found = []
    while request is not None:
        answer = request.execute()
        found += answer.get(items, [])
        request = resource.list_next(request, answer)
    return found


def refusal(request):
    try:
        request.execute()
    except HttpError as e:
        error = json.loads(e.content.decode("utf-8"))["error"]
        return [e.resp.status, error["errors"][0]["reason"]]
    return [200, ""]


gmail = service("gmail/v1/gmail-api.json", VICTIM, AUTH + "gmail.modify", AUTH + "gmail.settings.basic", AUTH + "gmail.settings.sharing")
directory = service("admin/directory/v1/admin-api.json", ADMIN, AUTH + "admin.directory.user", AUTH + "admin.directory.user.security")
reports = service("admin/reports/v1/admin-api.json", ADMIN, AUTH + "admin.reports.audit.readonly")
alerts = service("alertcenter/v1beta1/alertcenter-api.json", ADMIN, AUTH + "apps.alerts")
identity = service("cloudidentity/v1/cloudidentity-api.json", ADMIN, AUTH + "cloud-identity.devices.readonly", AUTH + "cloud-identity.policies.readonly")
files = service("drive/v3/drive-api.json", VICTIM, AUTH + "drive.metadata.readonly")

settings = gmail.users().settings()
messages = gmail.users().messages()
result = {
    "filters": settings.filters().list(userId="me").execute()["filter"],
    "autoForwarding": settings.getAutoForwarding(userId="me").execute(),
    "messages": [m["id"] for m in everything(messages, messages.list(userId="me", includeSpamTrash=True, maxResults=10), "messages")],
    "users": [u["primaryEmail"] for u in everything(directory.users(), directory.users().list(customer="my_customer", maxResults=100), "users")],
    "tokens": [t["clientId"] for t in directory.tokens().list(userKey=VICTIM).execute()["items"]],
    "logins": [a["id"]["uniqueQualifier"] for a in everything(reports.activities(), reports.activities().list(
        userKey="all", applicationName="login", startTime="2026-10-01T00:00:00Z", endTime="2026-10-15T08:00:00Z", maxResults=100), "items")],
    "alerts": [a["type"] for a in alerts.alerts().list().execute()["alerts"]],
    "policies": len(everything(identity.policies(), identity.policies().list(pageSize=2), "policies")),
    "devices": len(everything(identity.devices(), identity.devices().list(pageSize=2), "devices")),
    "files": [f["id"] for f in files.files().list(fields="files(id,permissions)").execute()["files"]],
}
raw = messages.get(userId="me", id=result["messages"][0], format="raw").execute()
result["raw"] = raw["raw"]
result["deleted"] = settings.filters().delete(userId="me", id=result["filters"][1]["id"]).execute()
result["refusals"] = {
    "gone": refusal(settings.filters().get(userId="me", id=result["filters"][1]["id"])),
    "nobody": refusal(directory.users().get(userKey="nobody@example.test")),
    "gmail window": refusal(reports.activities().list(userKey="all", applicationName="gmail")),
}
directory.users().patch(userKey=VICTIM, body={"suspended": True}).execute()
result["refusals"]["suspended"] = refusal(settings.getImap(userId="me"))
result["refusals"]["signOut"] = refusal(directory.users().signOut(userKey=VICTIM))
json.dump(result, sys.stdout)
