package fakegoogle

import (
	"slices"
	"strconv"
)

func directorySecurity() map[string]handler {
	const d = "directory."
	return map[string]handler{
		d + "tokens.list":                  onUser(listTokens),
		d + "tokens.get":                   onUser(getToken),
		d + "tokens.delete":                onUser(deleteToken),
		d + "asps.list":                    onUser(listASPs),
		d + "asps.get":                     onUser(getASP),
		d + "asps.delete":                  onUser(deleteASP),
		d + "verificationCodes.list":       onUser(listCodes),
		d + "verificationCodes.generate":   onUser(generateCodes),
		d + "verificationCodes.invalidate": onUser(invalidateCodes),
		d + "twoStepVerification.turnOff":  onUser(turnOffTwoSteps),
	}
}

// tagged copies resources and gives each its entity tag.
func tagged(items []object) []object {
	out := make([]object, len(items))
	for i, item := range items {
		out[i] = clone(item)
		out[i]["etag"] = etag(item)
	}
	return out
}

func listTokens(c *call, a *account) (object, *apiError) {
	return list(object{"kind": "admin#directory#tokenList"}, "items", tagged(a.tokens)), nil
}

func getToken(c *call, a *account) (object, *apiError) {
	i := where(a.tokens, "clientId", c.path["clientId"])
	if i < 0 {
		return nil, notFoundKey("clientId")
	}
	return tagged(a.tokens[i : i+1])[0], nil
}

// deleteToken revokes a grant. Who is still signed in on the web can consent again, and the intruder does: see reactions.
func deleteToken(c *call, a *account) (object, *apiError) {
	client := c.path["clientId"]
	i := where(a.tokens, "clientId", client)
	if i < 0 {
		return nil, notFoundKey("clientId")
	}
	revoked := a.tokens[i]
	c.change(func() { a.tokens = without(a.tokens, "clientId", client) })
	c.audit("admin", "USER_SETTINGS", "REVOKE_3LO_TOKEN", parameter("APP_ID", client), parameter("USER_EMAIL", a.email))
	c.tenant.recordActivity(activity{key: key{at: c.now}, application: "token", user: a.number, events: []event{{"auth", "revoke",
		[]any{parameter("client_id", client), parameter("app_name", text(revoked, "displayText"))}}}})
	return nil, nil
}

func listASPs(c *call, a *account) (object, *apiError) {
	return list(object{"kind": "admin#directory#aspList"}, "items", tagged(a.asps)), nil
}

// aspIndex finds the app password that the path names.
func (c *call) aspIndex(a *account) int {
	for i, asp := range a.asps {
		if code, _ := asp["codeId"].(float64); strconv.Itoa(int(code)) == c.path["codeId"] {
			return i
		}
	}
	return -1
}

func getASP(c *call, a *account) (object, *apiError) {
	i := c.aspIndex(a)
	if i < 0 {
		return nil, notFoundKey("codeId")
	}
	return tagged(a.asps[i : i+1])[0], nil
}

func deleteASP(c *call, a *account) (object, *apiError) {
	i := c.aspIndex(a)
	if i < 0 {
		return nil, notFoundKey("codeId")
	}
	code := a.asps[i]["codeId"]
	c.change(func() {
		var left []object
		for _, asp := range a.asps {
			if asp["codeId"] != code {
				left = append(left, asp)
			}
		}
		a.asps = left
	})
	c.audit("admin", "USER_SETTINGS", "REVOKE_ASP", parameter("USER_EMAIL", a.email))
	return nil, nil
}

// listCodes lists the backup codes, which are live secrets.
func listCodes(c *call, a *account) (object, *apiError) {
	return list(object{"kind": "admin#directory#verificationCodesList"}, "items", tagged(a.codes)), nil
}

func generateCodes(c *call, a *account) (object, *apiError) {
	if a.isSuspended() {
		return nil, invalidInput("userKey")
	}
	codes := c.tenant.newCodes(a)
	c.change(func() { a.codes = codes })
	c.audit("admin", "USER_SETTINGS", "GENERATE_2SV_SCRATCH_CODES", parameter("USER_EMAIL", a.email))
	return nil, nil
}

// invalidateCodes fails for a suspended user.
func invalidateCodes(c *call, a *account) (object, *apiError) {
	if a.isSuspended() {
		return nil, invalidInput("userKey")
	}
	c.change(func() { a.codes = nil })
	c.audit("admin", "USER_SETTINGS", "DELETE_2SV_SCRATCH_CODES", parameter("USER_EMAIL", a.email))
	return nil, nil
}

// turnOffTwoSteps removes every second step, the intruder's too. It fails for users who are suspended, not enrolled, or
// must use two steps.
func turnOffTwoSteps(c *call, a *account) (object, *apiError) {
	switch {
	case a.isSuspended():
		return nil, invalidInput("userKey")
	case !truth(a.user, "isEnrolledIn2Sv"):
		return nil, invalidInput("User is not enrolled in 2-Step Verification")
	case slices.Contains(c.tenant.config.AdvancedProtection, a.email):
		return nil, invalidInput("User is enrolled in the Advanced Protection Program")
	case truth(a.user, "isEnforcedIn2Sv"):
		return nil, invalidInput("2-Step Verification is enforced for the user")
	}
	c.change(func() {
		a.user["isEnrolledIn2Sv"] = false
		a.codes, a.hisFactor = nil, false
	})
	c.audit("admin", "USER_SETTINGS", "TURN_OFF_2_STEP_VERIFICATION", parameter("USER_EMAIL", a.email))
	return nil, nil
}
