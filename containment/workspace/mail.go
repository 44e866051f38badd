package workspace

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/containment"
)

// The kinds of steps in the settings of a mailbox.
const (
	kindFilter            = "gmail.filter"
	kindAutoForwarding    = "gmail.autoForwarding"
	kindForwardingAddress = "gmail.forwardingAddress"
	kindDelegate          = "gmail.delegate"
	kindSendAs            = "gmail.sendAs"
	kindReplyTo           = "gmail.sendAs.replyTo"
	kindSMIME             = "gmail.smimeInfo"
	kindVacation          = "gmail.vacation"
	kindIMAP              = "gmail.imap"
	kindPOP               = "gmail.pop"
)

func mailKinds() []kind {
	basic := same("gmail.readonly", "gmail.settings.basic")
	sharing := rights{"gmail.readonly", "gmail.settings.basic", "gmail.settings.sharing"}
	return []kind{
		{name: kindFilter, rights: basic, undo: containment.Partly, look: lookAtMail("filters/"), take: deleteMail("filters/"),
			back: createMail("filters", "criteria", "action")},
		setting(kindAutoForwarding, sharing, "autoForwarding", func(o object) bool { return !o.truth("enabled") }, func(o object) object { return object{"enabled": false} }),
		{name: kindForwardingAddress, rights: sharing, undo: containment.Partly, look: lookAtMail("forwardingAddresses/"), take: deleteMail("forwardingAddresses/"),
			back: createMail("forwardingAddresses", "forwardingEmail")},
		{name: kindDelegate, rights: sharing, undo: containment.Whole, lag: 2 * time.Minute, look: lookAtMail("delegates/"), take: deleteMail("delegates/"),
			back: createMail("delegates", "delegateEmail")},
		{name: kindSendAs, rights: sharing, undo: containment.Partly, look: lookAtMail("sendAs/"), take: deleteMail("sendAs/"),
			back: createMail("sendAs", "sendAsEmail", "displayName", "replyToAddress", "signature", "treatAsAlias", "isDefault", "smtpMsa")},
		{name: kindReplyTo, rights: sharing, undo: containment.Whole, look: lookAtReplyTo, take: patchReplyTo(false), back: patchReplyTo(true)},
		{name: kindSMIME, rights: basic, undo: containment.Never, look: lookAtSMIME, take: deleteSMIME},
		setting(kindVacation, basic, "vacation", func(o object) bool { return !o.truth("enableAutoReply") }, with("enableAutoReply", false)),
		setting(kindIMAP, basic, "imap", func(o object) bool { return !o.truth("enabled") }, with("enabled", false)),
		setting(kindPOP, basic, "pop", func(o object) bool {
			return o.text("accessWindow") == "disabled" || o.text("accessWindow") == ""
		}, with("accessWindow", "disabled")),
	}
}

// with changes one field of a setting and leaves the others as they are.
func with(field string, value any) func(object) object {
	return func(o object) object {
		o = without(o)
		o[field] = value
		return o
	}
}

// setting is a kind for a setting that there is one of: it is switched off, and put back whole.
func setting(name string, needs rights, path string, off func(object) bool, switched func(object) object) kind {
	return kind{name: name, rights: needs, undo: containment.Whole,
		look: func(ctx context.Context, t target) (containment.State, error) {
			o, err := t.mail(ctx, path)
			if err != nil {
				return containment.State{}, err
			}
			return state(o, off(o)), nil
		},
		take: func(ctx context.Context, t target, before object) error {
			return t.changeMail(ctx, http.MethodPut, path, switched(before))
		},
		back: func(ctx context.Context, t target, before object) error {
			return t.changeMail(ctx, http.MethodPut, path, before)
		}}
}

func lookAtMail(path string) func(context.Context, target) (containment.State, error) {
	return func(ctx context.Context, t target) (containment.State, error) {
		o, err := t.mail(ctx, path+url.PathEscape(t.step.Target))
		return removed(o, err)
	}
}

func deleteMail(path string) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, _ object) error {
		return t.changeMail(ctx, http.MethodDelete, path+url.PathEscape(t.step.Target), nil)
	}
}

// createMail makes again what was removed, from those fields that one may set.
func createMail(path string, fields ...string) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, before object) error {
		return t.changeMail(ctx, http.MethodPost, path, pick(before, fields...))
	}
}

// lookAtReplyTo looks at where answers to an address go. The rest of the address stays as it is.
func lookAtReplyTo(ctx context.Context, t target) (containment.State, error) {
	o, err := t.mail(ctx, "sendAs/"+url.PathEscape(t.step.Target))
	if err != nil {
		return removed(o, err)
	}
	return state(o, o.text("replyToAddress") == ""), nil
}

func patchReplyTo(back bool) func(context.Context, target, object) error {
	return func(ctx context.Context, t target, before object) error {
		to := ""
		if back {
			to = before.text("replyToAddress")
		}
		return t.changeMail(ctx, http.MethodPatch, "sendAs/"+url.PathEscape(t.step.Target), object{"replyToAddress": to})
	}
}

func smimePath(t target) (string, error) {
	slash := strings.LastIndexByte(t.step.Target, '/') // an address may have others
	if slash <= 0 {
		return "", fmt.Errorf("%w: the target %.100q has not two parts", containment.ErrPlan, t.step.Target)
	}
	return "sendAs/" + url.PathEscape(t.step.Target[:slash]) + "/smimeInfo/" + url.PathEscape(t.step.Target[slash+1:]), nil
}

func lookAtSMIME(ctx context.Context, t target) (containment.State, error) {
	path, err := smimePath(t)
	if err != nil {
		return containment.State{}, err
	}
	o, err := t.mail(ctx, path)
	return removed(o, err)
}

func deleteSMIME(ctx context.Context, t target, _ object) error {
	path, err := smimePath(t)
	if err != nil {
		return err
	}
	return t.changeMail(ctx, http.MethodDelete, path, nil)
}
