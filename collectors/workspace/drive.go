package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// driveFiles are the files that the account owns or that are shared with it, in the trash too, with who has access.
func driveFiles() source {
	return source{resource: "drive/files", api: drive, path: "drive/v3/files",
		query: url.Values{"corpora": {"user"}, "spaces": {"drive"}, "fields": {"*"}, "pageSize": {"100"}, "supportsAllDrives": {"true"}, "includeItemsFromAllDrives": {"true"}},
		scope: scopeDrive, list: "files", partial: "incompleteSearch", things: unlistedAccess}
}

// unlistedAccess names a file of which the list of files does not say who has access, although the account may know:
// of files on shared drives it never does. Of another's file it is told to who may share it only, and not asked for.
func unlistedAccess(item json.RawMessage) []thing {
	var file struct {
		ID            string            `json:"id"`
		Drive         string            `json:"driveId"`
		Permissions   []json.RawMessage `json:"permissions"`
		PermissionIDs []string          `json:"permissionIds"`
		Capabilities  struct {
			CanShare bool `json:"canShare"`
		} `json:"capabilities"`
	}
	if json.Unmarshal(item, &file) != nil || file.ID == "" {
		return nil
	}
	if file.Drive != "" || len(file.Permissions) < len(file.PermissionIDs) || len(file.Permissions) == 0 && file.Capabilities.CanShare {
		return []thing{{name: file.ID}}
	}
	return nil
}

// driveStage are the files, and who has access to those of which the list does not say.
func driveStage() stage {
	return fanOut{name: "Drive", list: driveFiles(), own: true, most: 5_000, rows: []perThing{
		{source: source{resource: "drive/permissions", api: drive, path: "drive/v3/files/{thing}/permissions",
			query: url.Values{"fields": {"*"}, "pageSize": {"100"}, "supportsAllDrives": {"true"}}, scope: scopeDrive, list: "permissions"}},
	}}.stage()
}

// activityStage is what was done in the account's Drive in the window.
func activityStage() stage {
	return ofRun("Drive activity", func(r *run) []source { return []source{r.driveActivity()} })
}

// driveActivity is a search that is sent by POST and changes nothing.
func (r *run) driveActivity() source {
	since, until := r.window()
	filter := fmt.Sprintf("time >= %q AND time <= %q", since.Format(time.RFC3339), until.Format(time.RFC3339))
	return source{resource: "driveactivity/activity", api: driveActivity, path: driveActivityQuery, scope: scopeDriveActivity, list: "activities",
		post: func(token string) []byte {
			var body bytes.Buffer
			encoder := json.NewEncoder(&body)
			encoder.SetEscapeHTML(false) // the request is shown to people
			if err := encoder.Encode(activityQuery{Ancestor: "items/root", Filter: filter, Size: 100, Token: token}); err != nil {
				panic("workspace: " + err.Error()) // a struct of strings and numbers
			}
			return bytes.TrimSpace(body.Bytes())
		}}
}

// An activityQuery is the body of such a search.
type activityQuery struct {
	Ancestor string `json:"ancestorName"`
	Filter   string `json:"filter"`
	Size     int    `json:"pageSize"`
	Token    string `json:"pageToken,omitempty"`
}

// ofRun is a stage of sources that depend on the account, the days or both.
func ofRun(name string, sources func(r *run) []source) stage {
	return stage{name, sources, func(ctx context.Context, r *run) error { return r.readAll(ctx, sources(r)) }}
}
