package fakegoogle

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func gmailSendAs() map[string]handler {
	const s = "gmail.users.settings.sendAs."
	return map[string]handler{
		s + "list":                 forMailbox(listSendAs),
		s + "get":                  forMailbox(getSendAs),
		s + "create":               forMailbox(createSendAs),
		s + "update":               forMailbox(updateSendAs),
		s + "patch":                forMailbox(patchSendAs),
		s + "delete":               forMailbox(deleteSendAs),
		s + "verify":               forMailbox(verifySendAs),
		s + "smimeInfo.list":       forMailbox(listSmime),
		s + "smimeInfo.get":        forMailbox(getSmime),
		s + "smimeInfo.insert":     forMailbox(insertSmime),
		s + "smimeInfo.delete":     forMailbox(deleteSmime),
		s + "smimeInfo.setDefault": forMailbox(defaultSmime),
	}
}

func listSendAs(c *call, a *account) (object, *apiError) {
	return list(object{}, "sendAs", a.mail.sendAs), nil
}

func getSendAs(c *call, a *account) (object, *apiError) {
	return one(a.mail.sendAs, "sendAsEmail", c.path["sendAsEmail"])
}

// createSendAs adds an address to send from. One of another domain waits for its owner, unless the caller names the
// server that sends for it.
func createSendAs(c *call, a *account) (object, *apiError) {
	address := text(c.body, "sendAsEmail")
	if !strings.Contains(address, "@") {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid sendAsEmail")
	}
	if where(a.mail.sendAs, "sendAsEmail", address) >= 0 {
		return nil, failure(http.StatusConflict, "alreadyExists", "Send-as alias already exists")
	}
	alias := withoutPassword(c.body)
	alias["verificationStatus"] = "accepted"
	if !strings.HasSuffix(address, "@"+Domain) {
		alias["verificationStatus"] = "pending"
	}
	return c.add(&a.mail.sendAs, alias)
}

// withoutPassword copies an alias: Gmail never gives the password of its server back.
func withoutPassword(alias object) object {
	alias = clone(alias)
	if server, ok := alias["smtpMsa"].(object); ok {
		delete(server, "password")
	}
	return alias
}

func updateSendAs(c *call, a *account) (object, *apiError) { return changeSendAs(c, a, object{}) }

func patchSendAs(c *call, a *account) (object, *apiError) {
	current, err := getSendAs(c, a)
	if err != nil {
		return nil, err
	}
	return changeSendAs(c, a, current)
}

// changeSendAs writes the body over base. What the user cannot change stays as it is.
func changeSendAs(c *call, a *account, base object) (object, *apiError) {
	current, err := getSendAs(c, a)
	if err != nil {
		return nil, err
	}
	changed := clone(base)
	maps.Copy(changed, withoutPassword(c.body))
	for _, fixed := range []string{"sendAsEmail", "isPrimary", "verificationStatus"} {
		delete(changed, fixed)
		if value, has := current[fixed]; has {
			changed[fixed] = value
		}
	}
	c.change(func() {
		if i := where(a.mail.sendAs, "sendAsEmail", text(changed, "sendAsEmail")); i >= 0 {
			a.mail.sendAs[i] = changed
		}
	})
	return changed, nil
}

func deleteSendAs(c *call, a *account) (object, *apiError) {
	current, err := getSendAs(c, a)
	if err != nil {
		return nil, err
	}
	if truth(current, "isPrimary") {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Cannot delete primary send-as")
	}
	return c.remove(&a.mail.sendAs, "sendAsEmail", c.path["sendAsEmail"])
}

func verifySendAs(c *call, a *account) (object, *apiError) {
	current, err := getSendAs(c, a)
	if err == nil && text(current, "verificationStatus") != "pending" {
		err = failure(http.StatusBadRequest, "failedPrecondition", "Precondition check failed.")
	}
	return nil, err
}

func listSmime(c *call, a *account) (object, *apiError) {
	if _, err := getSendAs(c, a); err != nil {
		return nil, err
	}
	return list(object{}, "smimeInfo", a.mail.smime[c.path["sendAsEmail"]]), nil
}

func getSmime(c *call, a *account) (object, *apiError) {
	return one(a.mail.smime[c.path["sendAsEmail"]], "id", c.path["id"])
}

func insertSmime(c *call, a *account) (object, *apiError) {
	if _, err := getSendAs(c, a); err != nil {
		return nil, err
	}
	if text(c.body, "pkcs12") == "" {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid certificate")
	}
	address := c.path["sendAsEmail"]
	info := object{"id": strconv.FormatUint(c.tenant.next(), 10), "issuerCn": "Autorité de test", "isDefault": len(a.mail.smime[address]) == 0,
		"expiration": strconv.FormatInt(c.now.AddDate(1, 0, 0).UnixMilli(), 10), "pem": mailCertificate(address)}
	c.change(func() { a.mail.smime[address] = append(slices.Clone(a.mail.smime[address]), info) })
	return info, nil
}

func deleteSmime(c *call, a *account) (object, *apiError) {
	if _, err := getSmime(c, a); err != nil {
		return nil, err
	}
	address := c.path["sendAsEmail"]
	c.change(func() { a.mail.smime[address] = without(a.mail.smime[address], "id", c.path["id"]) })
	return nil, nil
}

func defaultSmime(c *call, a *account) (object, *apiError) {
	if _, err := getSmime(c, a); err != nil {
		return nil, err
	}
	c.change(func() {
		for _, info := range a.mail.smime[c.path["sendAsEmail"]] {
			info["isDefault"] = text(info, "id") == c.path["id"]
		}
	})
	return nil, nil
}
