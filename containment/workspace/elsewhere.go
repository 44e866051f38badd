package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/mbaudit/mbaudit/containment"
)

// The kinds of steps outside of the mailbox.
const (
	kindMobile   = "device.mobile"
	kindRole     = "directory.roleAssignment"
	kindSuper    = "directory.superAdmin"
	kindMember   = "directory.member"
	kindShare    = "drive.permission"
	kindCalendar = "calendar.acl"
	kindChrome   = "device.chromeos"
	kindEndpoint = "device.user" // an account on a device, as Cloud Identity knows it
	kindAlias    = "directory.alias"
	kindCreated  = "directory.created" // another account, made as this one
)

func elsewhereKinds() []kind {
	return []kind{
		{name: kindMobile, rights: rights{"admin.directory.device.mobile.readonly", "admin.directory.device.mobile.action", "admin.directory.device.mobile.action"},
			undo: containment.Whole, look: lookAtMobile, take: onMobile("block"), back: onMobile("approve")},
		{name: kindRole, rights: same("admin.directory.rolemanagement.readonly", "admin.directory.rolemanagement"), undo: containment.Whole,
			look: lookAtRole, take: deleteRole, back: insertRole},
		{name: kindSuper, rights: same("admin.directory.user.readonly", "admin.directory.user"), undo: containment.Whole,
			look: lookAtSuper, take: makeAdmin(false), back: makeAdmin(true)},
		{name: kindMember, rights: same("admin.directory.group.readonly", "admin.directory.group.member"), undo: containment.Whole,
			look: lookAtMember, take: deleteMember, back: insertMember},
		{name: kindShare, rights: rights{"drive.metadata.readonly", "drive", "drive"}, undo: containment.Whole, look: lookAtShare, take: deleteShare, back: shareAgain},
		{name: kindCalendar, rights: same("calendar.acls.readonly", "calendar.acls"), undo: containment.Whole, look: lookAtCalendar, take: deleteCalendar, back: insertCalendar},
		{name: kindChrome, rights: same("admin.directory.device.chromeos.readonly", "admin.directory.device.chromeos"), undo: containment.Whole,
			look: lookAtChrome, take: onChrome("DISABLE"), back: onChrome("REENABLE")},
		{name: kindEndpoint, rights: same("cloud-identity.devices.readonly", "cloud-identity.devices"), undo: containment.Whole,
			look: lookAtEndpoint, take: onEndpoint("block"), back: onEndpoint("approve")},
		{name: kindAlias, rights: same("admin.directory.user.alias.readonly", "admin.directory.user.alias"), undo: containment.Whole,
			look: lookAtAlias, take: deleteAlias, back: insertAlias},
		{name: kindCreated, rights: same("admin.directory.user.readonly", "admin.directory.user"), undo: containment.Whole, lag: 5 * time.Minute,
			look: lookAtCreated, take: suspendCreated(true), back: suspendCreated(false)},
	}
}

func mobilePath(t target) string {
	return myCustomer + "devices/mobile/" + url.PathEscape(t.step.Target)
}

// lookAtMobile looks at what says which device it is and whether it is let in. A device that is being wiped is not.
func lookAtMobile(ctx context.Context, t target) (containment.State, error) {
	o, err := t.directory(ctx, mobilePath(t))
	if err != nil {
		return removed(o, err)
	}
	let := o.text("status") == "APPROVED" || o.text("status") == "PENDING"
	return state(pick(o, "resourceId", "deviceId", "status", "model", "os", "type", "email", "name", "firstSync"), !let), nil
}

func onMobile(what string) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		return t.changeDirectory(ctx, http.MethodPost, mobilePath(t)+"/action", object{"action": what})
	}
}

func lookAtRole(ctx context.Context, t target) (containment.State, error) {
	o, err := t.directory(ctx, myCustomer+"roleassignments/"+url.PathEscape(t.step.Target))
	return removed(o, err)
}

func deleteRole(ctx context.Context, t target, _ object) error {
	return t.changeDirectory(ctx, http.MethodDelete, myCustomer+"roleassignments/"+url.PathEscape(t.step.Target), nil)
}

func insertRole(ctx context.Context, t target, before object) error {
	return t.changeDirectory(ctx, http.MethodPost, myCustomer+"roleassignments", pick(before, "roleId", "assignedTo", "scopeType", "orgUnitId", "condition"))
}

func lookAtSuper(ctx context.Context, t target) (containment.State, error) {
	u, err := t.directory(ctx, t.user(""))
	if err != nil {
		return containment.State{}, err
	}
	return state(pick(u, "isAdmin"), !u.truth("isAdmin")), nil
}

func makeAdmin(status bool) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		return t.changeDirectory(ctx, http.MethodPost, t.user("/makeAdmin"), object{"status": status})
	}
}

func memberPath(t target) (string, error) {
	group, member, err := pair(t.step.Target)
	return directoryV1 + "groups/" + group + "/members/" + member, err
}

func lookAtMember(ctx context.Context, t target) (containment.State, error) {
	path, err := memberPath(t)
	if err != nil {
		return containment.State{}, err
	}
	o, err := t.directory(ctx, path)
	return removed(o, err)
}

func deleteMember(ctx context.Context, t target, _ object) error {
	path, err := memberPath(t)
	if err != nil {
		return err
	}
	return t.changeDirectory(ctx, http.MethodDelete, path, nil)
}

func insertMember(ctx context.Context, t target, before object) error {
	group, _, err := pair(t.step.Target)
	if err != nil {
		return err
	}
	return t.changeDirectory(ctx, http.MethodPost, directoryV1+"groups/"+group+"/members", pick(before, "email", "role", "delivery_settings"))
}

func sharePath(t target) (string, error) {
	file, permission, err := pair(t.step.Target)
	return "drive/v3/files/" + file + "/permissions/" + permission, err
}

func lookAtShare(ctx context.Context, t target) (containment.State, error) {
	path, err := sharePath(t)
	if err != nil {
		return containment.State{}, err
	}
	o, err := t.read(ctx, request{service: googleAPIs, subject: t.step.Account, scope: t.scope(), path: path, query: url.Values{"fields": {"*"}, "supportsAllDrives": {"true"}}})
	return removed(o, err)
}

func deleteShare(ctx context.Context, t target, _ object) error {
	path, err := sharePath(t)
	if err != nil {
		return err
	}
	_, err = t.do(ctx, request{service: googleAPIs, subject: t.step.Account, scope: t.rights.act, verb: http.MethodDelete, path: path,
		query: url.Values{"supportsAllDrives": {"true"}}})
	return err
}

// shareAgain gives a permission back, and has Google send nobody a mail about it.
func shareAgain(ctx context.Context, t target, before object) error {
	file, _, err := pair(t.step.Target)
	if err != nil {
		return err
	}
	_, err = t.do(ctx, request{service: googleAPIs, subject: t.step.Account, scope: t.rights.act, verb: http.MethodPost, path: "drive/v3/files/" + file + "/permissions",
		query: url.Values{"supportsAllDrives": {"true"}, "sendNotificationEmail": {"false"}},
		body:  pick(before, "type", "role", "emailAddress", "domain", "allowFileDiscovery", "expirationTime", "view")})
	return err
}

const primaryRules = "calendar/v3/calendars/primary/acl"

func lookAtCalendar(ctx context.Context, t target) (containment.State, error) {
	items, err := t.list(ctx, request{service: googleAPIs, subject: t.step.Account, scope: t.scope(), path: primaryRules}, "items")
	if err != nil {
		return containment.State{}, err
	}
	o, err := listed(items, "id", t.step.Target)
	return removed(o, err)
}

func deleteCalendar(ctx context.Context, t target, _ object) error {
	_, err := t.do(ctx, request{service: googleAPIs, subject: t.step.Account, scope: t.rights.act, verb: http.MethodDelete,
		path: primaryRules + "/" + url.PathEscape(t.step.Target)})
	return err
}

func insertCalendar(ctx context.Context, t target, before object) error {
	_, err := t.do(ctx, request{service: googleAPIs, subject: t.step.Account, scope: t.rights.act, verb: http.MethodPost, path: primaryRules,
		query: url.Values{"sendNotifications": {"false"}}, body: pick(before, "role", "scope")})
	return err
}

const chromePath = myCustomer + "devices/chromeos"

// lookAtChrome looks at what says which Chromebook it is and whether people may use it.
func lookAtChrome(ctx context.Context, t target) (containment.State, error) {
	o, err := t.directory(ctx, chromePath+"/"+url.PathEscape(t.step.Target))
	if err != nil {
		return removed(o, err)
	}
	return state(pick(o, "deviceId", "serialNumber", "status", "model", "annotatedUser", "orgUnitPath", "lastEnrollmentTime"), o.text("status") != "ACTIVE"), nil
}

// onChrome changes the status of one Chromebook. Google answers with success in any case, and says inside what came of it.
func onChrome(what string) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		text, err := t.do(ctx, request{service: adminAPI, subject: t.cfg.Admin, scope: t.rights.act, verb: http.MethodPost, path: chromePath + ":batchChangeStatus",
			body: object{"deviceIds": []string{t.step.Target}, "changeChromeOsDeviceStatusAction": "CHANGE_CHROME_OS_DEVICE_STATUS_ACTION_" + what}})
		if err != nil {
			return err
		}
		var answer struct {
			Results []struct {
				Error *struct {
					Message string `json:"message"`
				} `json:"error"`
			} `json:"changeChromeOsDeviceStatusResults"`
		}
		switch err := json.Unmarshal(text, &answer); {
		case err != nil, len(answer.Results) != 1:
			return errors.New("changing the Chromebook: the answer does not say what came of it")
		case answer.Results[0].Error != nil:
			return &Refusal{Status: http.StatusBadRequest, Message: answer.Results[0].Error.Message}
		}
		return nil
	}
}

// lookAtEndpoint looks at an account on a device that Cloud Identity alone knows, such as a computer.
func lookAtEndpoint(ctx context.Context, t target) (containment.State, error) {
	o, err := t.read(ctx, request{service: identityAPI, subject: t.cfg.Admin, scope: t.scope(), path: "v1/" + t.step.Target, query: ownDevices()})
	if err != nil {
		return removed(o, err)
	}
	let := o.text("managementState") == "APPROVED" || o.text("managementState") == "PENDING_APPROVAL"
	return state(pick(o, "name", "userEmail", "managementState", "firstSyncTime", "createTime", "userAgent"), !let), nil
}

// ownDevices asks for the devices of the customer.
func ownDevices() url.Values { return url.Values{"customer": {"customers/my_customer"}} }

func onEndpoint(what string) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		_, err := t.do(ctx, request{service: identityAPI, subject: t.cfg.Admin, scope: t.rights.act, verb: http.MethodPost, path: "v1/" + t.step.Target + ":" + what,
			body: object{"customer": "customers/my_customer"}})
		return err
	}
}

func lookAtAlias(ctx context.Context, t target) (containment.State, error) {
	items, err := t.list(ctx, request{service: adminAPI, subject: t.cfg.Admin, scope: t.scope(), path: t.user("/aliases")}, "aliases")
	if err != nil {
		return containment.State{}, err
	}
	o, err := listed(items, "alias", t.step.Target)
	return removed(o, err)
}

func deleteAlias(ctx context.Context, t target, _ object) error {
	return t.changeDirectory(ctx, http.MethodDelete, t.user("/aliases/"+url.PathEscape(t.step.Target)), nil)
}

func insertAlias(ctx context.Context, t target, _ object) error {
	return t.changeDirectory(ctx, http.MethodPost, t.user("/aliases"), object{"alias": t.step.Target})
}

// lookAtCreated looks at an account that was made as the step's account.
func lookAtCreated(ctx context.Context, t target) (containment.State, error) {
	o, err := t.directory(ctx, userPath(t.step.Target, ""))
	if err != nil {
		return removed(o, err)
	}
	return state(pick(o, "primaryEmail", "id", "creationTime", "suspended", "isAdmin"), o.truth("suspended")), nil
}

func suspendCreated(on bool) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		return t.changeDirectory(ctx, http.MethodPut, userPath(t.step.Target, ""), object{"suspended": on})
	}
}
