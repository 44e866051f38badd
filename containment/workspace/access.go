package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// The kinds of steps that shut somebody out.
const (
	kindSSOAssignment = "sso.assignment"
	kindSSOProfile    = "sso.profile"
	kindPassword      = "directory.password"
	kindSignOut       = "directory.signOut"
	kindAppPassword   = "directory.asp"
	kindToken         = "directory.token"
	kindCodes         = "directory.verificationCodes"
	kindTwoSteps      = "directory.twoStepVerification"
	kindTokensAgain   = "directory.tokens.again"
	kindSuspend       = "directory.suspend"
)

func accessKinds() []kind {
	user := same("admin.directory.user.readonly", "admin.directory.user")
	security := same("admin.directory.user.security", "admin.directory.user.security") // Google has no read-only form of it
	twoSteps := rights{"admin.directory.user.readonly", "admin.directory.user", "admin.directory.user.security"}
	identity := same("cloud-identity.inboundsso.readonly", "cloud-identity.inboundsso")
	return []kind{
		{name: kindSSOAssignment, rights: identity, undo: containment.Partly, look: lookAtAssignment, take: removeNamed, back: assignAgain},
		{name: kindSSOProfile, rights: identity, undo: containment.Never, look: lookAtProfile, take: removeNamed},
		{name: kindPassword, rights: user, undo: containment.Partly, lag: 5 * time.Minute, look: lookAtRecovery(false), check: lookAtRecovery(true),
			take: setPassword, back: restoreRecovery},
		{name: kindSignOut, rights: rights{"admin.directory.user.readonly", "admin.directory.user", "admin.directory.user.security"}, undo: containment.Never,
			look: lookAtNothing, check: lookAtSessions, take: signOut},
		{name: kindAppPassword, rights: security, undo: containment.Never, look: lookAtAppPassword, take: func(ctx context.Context, t target, _ object) error {
			return t.changeDirectory(ctx, http.MethodDelete, t.user("/asps/"+url.PathEscape(t.step.Target)), nil)
		}},
		{name: kindToken, rights: security, undo: containment.Never, look: lookAtToken, take: func(ctx context.Context, t target, _ object) error {
			return t.deleteToken(ctx, t.step.Target)
		}},
		{name: kindCodes, rights: security, undo: containment.Never, look: lookAtCodes, take: func(ctx context.Context, t target, _ object) error {
			return t.changeDirectory(ctx, http.MethodPost, t.user("/verificationCodes/invalidate"), nil)
		}},
		{name: kindTwoSteps, rights: twoSteps, undo: containment.Never, lag: 5 * time.Minute, look: lookAtTwoSteps, take: turnTwoStepsOff},
		{name: kindTokensAgain, rights: security, undo: containment.Never, look: lookAtNothing, check: lookAtTokens, take: deleteTokensAgain},
		{name: kindSuspend, rights: user, undo: containment.Whole, lag: 5 * time.Minute, look: lookAtSuspension, take: suspend(true), back: suspend(false)},
	}
}

// lookAtRecovery is what there is of the password: it cannot be read, so that before the step its aim is never reached, and
// afterwards the recovery data that went with it say so.
func lookAtRecovery(after bool) func(context.Context, target) (containment.State, error) {
	return func(ctx context.Context, t target) (containment.State, error) {
		u, err := t.directory(ctx, t.user(""))
		if err != nil {
			return containment.State{}, err
		}
		recovery := pick(u, "recoveryEmail", "recoveryPhone", "changePasswordAtNextLogin")
		return state(recovery, after && u.text("recoveryEmail") == "" && u.text("recoveryPhone") == ""), nil
	}
}

// errNoPassword says that nobody gave a password to set.
var errNoPassword = errors.New("there is no password to set")

// setPassword sets the password and takes the recovery data away in one call: whoever has the recovery address would have
// the account again a moment later.
func setPassword(ctx context.Context, t target, _ object) error {
	if t.cfg.Password == nil {
		return errNoPassword
	}
	password, err := t.cfg.Password(t.step.Account)
	if err != nil {
		return err
	}
	return t.putPassword(ctx, password)
}

func (t target) putPassword(ctx context.Context, password secret.String) error {
	return t.changeDirectory(ctx, http.MethodPut, t.user(""), map[string]any{"password": password.Reveal(), "recoveryEmail": "", "recoveryPhone": "",
		"changePasswordAtNextLogin": false})
}

func restoreRecovery(ctx context.Context, t target, before object) error {
	recovery := map[string]any{}
	for _, field := range []string{"recoveryEmail", "recoveryPhone"} {
		if value := before.text(field); value != "" {
			recovery[field] = value
		}
	}
	if len(recovery) == 0 {
		return containment.ErrIrreversible // the password alone
	}
	return t.changeDirectory(ctx, http.MethodPut, t.user(""), recovery)
}

// lookAtNothing is for what does not show before it is done. It only makes sure that the account is there.
func lookAtNothing(ctx context.Context, t target) (containment.State, error) {
	return containment.State{}, nil
}

// lookAtSessions cannot say anything: Google lists no sessions.
func lookAtSessions(context.Context, target) (containment.State, error) {
	return containment.State{}, containment.ErrUnseen
}

func signOut(ctx context.Context, t target, _ object) error {
	return t.changeDirectory(ctx, http.MethodPost, t.user("/signOut"), nil)
}

func lookAtAppPassword(ctx context.Context, t target) (containment.State, error) {
	o, err := t.directory(ctx, t.user("/asps/"+url.PathEscape(t.step.Target)))
	return removed(o, err, "lastTimeUsed")
}

func lookAtToken(ctx context.Context, t target) (containment.State, error) {
	o, err := t.directory(ctx, t.user("/tokens/"+url.PathEscape(t.step.Target)))
	return removed(o, err)
}

func (t target) deleteToken(ctx context.Context, client string) error {
	return t.changeDirectory(ctx, http.MethodDelete, t.user("/tokens/"+url.PathEscape(client)), nil)
}

// tokensNow are the clients that have grants which the plan does not keep.
func (t target) tokensNow(ctx context.Context) ([]string, error) {
	items, err := t.list(ctx, request{service: adminAPI, subject: t.cfg.Admin, scope: t.scope(), path: t.user("/tokens")}, "items")
	var clients []string
	for _, item := range items {
		if client := item.text("clientId"); !t.kept[client] {
			clients = append(clients, client)
		}
	}
	return clients, err
}

// lookAtTokens says after the step whether grants are there that the plan does not keep.
func lookAtTokens(ctx context.Context, t target) (containment.State, error) {
	clients, err := t.tokensNow(ctx)
	if err != nil || len(clients) == 0 {
		return containment.State{Holds: err == nil}, err
	}
	return containment.State{Document: object{"clients": clients}.raw()}, nil
}

// deleteTokensAgain deletes what has been granted since the grants were listed: a session that was still alive consents again.
func deleteTokensAgain(ctx context.Context, t target, _ object) error {
	clients, err := t.tokensNow(ctx)
	for _, client := range clients {
		if refused := t.deleteToken(ctx, client); refused != nil && !gone(refused) {
			err = errors.Join(err, refused)
		}
	}
	return err
}

// lookAtCodes counts backup codes. They are live secrets, and none is kept.
func lookAtCodes(ctx context.Context, t target) (containment.State, error) {
	items, err := t.list(ctx, request{service: adminAPI, subject: t.cfg.Admin, scope: t.scope(), path: t.user("/verificationCodes")}, "items")
	if gone(err) {
		items, err = nil, nil
	}
	if err != nil {
		return containment.State{}, err
	}
	return containment.State{Holds: len(items) == 0, Document: object{"codes": len(items)}.raw()}, nil
}

func lookAtTwoSteps(ctx context.Context, t target) (containment.State, error) {
	u, err := t.directory(ctx, t.user(""))
	if err != nil {
		return containment.State{}, err
	}
	return state(pick(u, "isEnrolledIn2Sv", "isEnforcedIn2Sv"), !u.truth("isEnrolledIn2Sv")), nil
}

// Why second steps stay.
var (
	ErrAdvancedProtection = errors.New("the second steps stay: the account is in Advanced Protection, or has been suspended; remove its keys in the admin console")
	ErrEnforced           = errors.New("the second steps stay while they are enforced; move the account to a unit where they are not")
)

// turnTwoStepsOff removes every second step. Of who is enrolled, not suspended and not obliged, Google refuses it to those
// in its Advanced Protection Program, which no field says.
func turnTwoStepsOff(ctx context.Context, t target, before object) error {
	err := t.changeDirectory(ctx, http.MethodPost, t.user("/twoStepVerification/turnOff"), nil)
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
		return err
	}
	if !before.truth("isEnforcedIn2Sv") {
		return fmt.Errorf("%w (Google: %w)", ErrAdvancedProtection, err)
	}
	return fmt.Errorf("%w (Google: %w)", ErrEnforced, err)
}

func lookAtSuspension(ctx context.Context, t target) (containment.State, error) {
	u, err := t.directory(ctx, t.user(""))
	if err != nil {
		return containment.State{}, err
	}
	return state(pick(u, "suspended", "suspensionReason"), u.truth("suspended")), nil
}

func suspend(on bool) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		return t.changeDirectory(ctx, http.MethodPut, t.user(""), map[string]any{"suspended": on})
	}
}

// identity reads a listing of Cloud Identity.
func (t target) identity(ctx context.Context, path, field string) (object, error) {
	items, err := t.list(ctx, request{service: identityAPI, subject: t.cfg.Admin, scope: t.scope(), path: "v1/" + path,
		query: url.Values{"pageSize": {"100"}}}, field)
	if err != nil {
		return nil, err
	}
	return listed(items, "name", t.step.Target)
}

func lookAtAssignment(ctx context.Context, t target) (containment.State, error) {
	o, err := t.identity(ctx, "inboundSsoAssignments", "inboundSsoAssignments")
	return removed(o, err)
}

func lookAtProfile(ctx context.Context, t target) (containment.State, error) {
	o, err := t.identity(ctx, "inboundSamlSsoProfiles", "inboundSamlSsoProfiles")
	return removed(o, err)
}

// removeNamed removes what Cloud Identity knows by its name, as inboundSsoAssignments/01x.
func removeNamed(ctx context.Context, t target, _ object) error {
	collection, id, err := pair(t.step.Target)
	if err != nil {
		return err
	}
	_, err = t.do(ctx, request{service: identityAPI, subject: t.cfg.Admin, scope: t.rights.act, verb: http.MethodDelete, path: "v1/" + collection + "/" + id})
	return err
}

// assignAgain makes an assignment like the one that was removed; Google gives it another name. Its profile must still be
// there: a profile that was deleted cannot be made again, because nobody can read its certificates.
func assignAgain(ctx context.Context, t target, before object) error {
	_, err := t.do(ctx, request{service: identityAPI, subject: t.cfg.Admin, scope: t.rights.act, verb: http.MethodPost, path: "v1/inboundSsoAssignments",
		body: pick(before, "customer", "targetOrgUnit", "targetGroup", "ssoMode", "samlSsoInfo", "oidcSsoInfo", "signInBehavior", "rank")})
	return err
}
