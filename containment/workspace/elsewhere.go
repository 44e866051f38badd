package workspace

import (
	"context"
	"net/http"
	"net/url"

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
		{name: kindShare, rights: rights{"drive.metadata.readonly", "drive", "drive"}, undo: containment.Never, look: lookAtShare, take: deleteShare},
		{name: kindCalendar, rights: same("calendar.acls.readonly", "calendar.acls"), undo: containment.Never, look: lookAtCalendar, take: deleteCalendar},
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
