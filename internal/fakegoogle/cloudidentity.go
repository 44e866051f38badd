package fakegoogle

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func cloudIdentity() map[string]handler {
	const c = "cloudidentity."
	return map[string]handler{
		c + "devices.list":                               onlyAdmins(listDevices),
		c + "devices.get":                                onlyAdmins(getDevice),
		c + "devices.wipe":                               onlyAdmins(wipeDevice),
		c + "devices.deviceUsers.list":                   onlyAdmins(listDeviceUsers),
		c + "devices.deviceUsers.get":                    onlyAdmins(getDeviceUser),
		c + "devices.deviceUsers.wipe":                   onlyAdmins(changeDeviceUser("WIPING")),
		c + "devices.deviceUsers.block":                  onlyAdmins(changeDeviceUser("BLOCKED")),
		c + "devices.deviceUsers.approve":                onlyAdmins(changeDeviceUser("APPROVED")),
		c + "devices.deviceUsers.cancelWipe":             onlyAdmins(changeDeviceUser("APPROVED")),
		c + "devices.deviceUsers.clientStates.list":      onlyAdmins(listClientStates),
		c + "policies.list":                              onlyAdmins(listPolicies),
		c + "policies.get":                               onlyAdmins(getPolicy),
		c + "inboundSamlSsoProfiles.list":                onlyAdmins(listSamlProfiles),
		c + "inboundSamlSsoProfiles.delete":              onlyAdmins(deleteSamlProfile),
		c + "inboundSamlSsoProfiles.idpCredentials.list": onlyAdmins(listCredentials),
		c + "inboundOidcSsoProfiles.list":                onlyAdmins(listNothing),
		c + "inboundSsoAssignments.list":                 onlyAdmins(listSsoAssignments),
		c + "inboundSsoAssignments.create":               onlyAdmins(createSsoAssignment),
		c + "inboundSsoAssignments.delete":               onlyAdmins(deleteSsoAssignment),
		c + "allowlistedDomains.list":                    onlyAdmins(listNothing),
	}
}

// device is a mobile device as Cloud Identity shows it: the same device as Directory's.
func device(mobile object) object {
	state := map[string]string{"APPROVED": "APPROVED", "BLOCKED": "BLOCKED", "WIPING": "WIPING", "ACCOUNT_WIPING": "APPROVED"}[text(mobile, "status")]
	return object{"name": "devices/" + text(mobile, "deviceId"), "deviceId": text(mobile, "deviceId"), "deviceType": firstOf(text(mobile, "type"), "ANDROID"),
		"ownerType": "BYOD", "model": text(mobile, "model"),
		"osVersion": text(mobile, "os"), "serialNumber": text(mobile, "serialNumber"), "createTime": text(mobile,
			"firstSync"), "lastSyncTime": text(mobile, "lastSync"),
		"compromisedState": "UNCOMPROMISED", "encryptionState": "ENCRYPTED", "managementState": state}
}

func deviceUser(mobile object) object {
	state := map[string]string{"APPROVED": "APPROVED", "BLOCKED": "BLOCKED", "WIPING": "WIPING", "ACCOUNT_WIPING": "WIPING"}[text(mobile, "status")]
	return object{"name": "devices/" + text(mobile, "deviceId") + "/deviceUsers/u-" + text(mobile, "deviceId"),
		"userEmail": deviceOwner(mobile), "managementState": state,
		"firstSyncTime": text(mobile, "firstSync"), "lastSyncTime": text(mobile, "lastSync"), "createTime": text(mobile,
			"firstSync"), "compromisedState": "NOT_COMPROMISED",
		"passwordState": "PASSWORD_SET", "userAgent": text(mobile, "userAgent")}
}

// endpoints are the devices that Cloud Identity knows: the mobile ones of Directory, and computers, which are not there.
func (t *Tenant) endpoints() []object { return slices.Concat(t.org.mobiles, t.org.computers) }

func listDevices(t *Tenant, c *call) (object, *apiError) {
	var items []object
	for _, known := range t.endpoints() {
		items = append(items, device(known))
	}
	return c.paged(object{}, "devices", items, 20, 100)
}

// deviceOf finds the Directory device that a path names.
func (c *call) deviceOf() (object, *apiError) {
	return one(c.tenant.endpoints(), "deviceId", c.path["devicesId"])
}

func getDevice(t *Tenant, c *call) (object, *apiError) {
	mobile, err := c.deviceOf()
	if err != nil {
		return nil, err
	}
	return device(mobile), nil
}

func listDeviceUsers(t *Tenant, c *call) (object, *apiError) {
	owner := c.arg("filter")
	if owner != "" && !strings.HasPrefix(owner, "email:") {
		return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand filter %s", owner)
	}
	owner = strings.TrimPrefix(owner, "email:")
	var items []object
	for _, mobile := range t.endpoints() {
		if id := c.path["devicesId"]; (id == "-" || id == text(mobile, "deviceId")) && (owner == "" || owner == deviceOwner(mobile)) {
			items = append(items, deviceUser(mobile))
		}
	}
	return c.paged(object{}, "deviceUsers", items, 5, 20)
}

func getDeviceUser(t *Tenant, c *call) (object, *apiError) {
	mobile, err := c.deviceOf()
	if err != nil {
		return nil, err
	}
	if c.path["deviceUsersId"] != "u-"+c.path["devicesId"] {
		return nil, notFoundEntity()
	}
	return deviceUser(mobile), nil
}

// operation is the answer to a change that takes time.
func operation(t *Tenant) object {
	return object{"name": "operations/" + filterID(t.next()), "done": true, "response": object{}}
}

func wipeDevice(t *Tenant, c *call) (object, *apiError) {
	mobile, err := c.deviceOf()
	if err != nil {
		return nil, err
	}
	c.change(func() { mobile["status"] = "WIPING" })
	return operation(t), nil
}

// changeDeviceUser changes the state of an account on a device; Directory shows the same.
func changeDeviceUser(state string) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		if _, err := getDeviceUser(t, c); err != nil {
			return nil, err
		}
		mobile, err := c.deviceOf()
		if err != nil {
			return nil, err
		}
		c.change(func() { mobile["status"] = strings.Replace(state, "WIPING", "ACCOUNT_WIPING", 1) })
		return operation(t), nil
	}
}

func listClientStates(t *Tenant, c *call) (object, *apiError) {
	if c.path["devicesId"] == "-" {
		return listNothing(t, c)
	}
	if _, err := getDeviceUser(t, c); err != nil {
		return nil, err
	}
	return listNothing(t, c)
}

func (t *Tenant) addPolicies(o *organisation) {
	add := func(id, kind string, value object) {
		o.policies = append(o.policies, object{"name": "policies/" + id, "customer": "customers/" + CustomerID, "type": "ADMIN",
			"policyQuery": object{"orgUnit": "orgUnits/03ph8a2z0",
				"query": "entity.org_units.exists(org_unit, org_unit.org_unit_id == orgUnitId('03ph8a2z0'))", "sortOrder": 1.0},
			"setting": object{"type": "settings/" + kind, "value": value}})
	}
	add("akajj264apk5psphei", "gmail.auto_forwarding", object{"enableAutoForwarding": true})
	add("akajj264apk5psphej", "gmail.imap_access", object{"enableImapAccess": true})
	add("akajj264apk5psphek", "gmail.pop_access", object{"enablePopAccess": false})
	add("akajj264apk5psphel", "gmail.mail_delegation", object{"enableMailDelegation": true})
	add("akajj264apk5psphem", "security.two_step_verification_enforcement", object{"enforcedFrom": "2026-01-01T00:00:00Z"})
	add("akajj264apk5psphen", "security.less_secure_apps", object{"allowLessSecureApps": true})
	add("akajj264apk5psphep", "security.super_admin_account_recovery", object{"enableAccountRecovery": false})
	o.profiles = []object{{"name": "inboundSamlSsoProfiles/01ssop0", "customer": "customers/" + CustomerID, "displayName": "Annuaire du siège",
		"idpConfig": object{"entityId": "https://idp.example.test/saml", "singleSignOnServiceUri": "https://idp.example.test/sso"},
		"spConfig": object{"entityId": "https://accounts.google.com/samlrp/01ssop0",
			"assertionConsumerServiceUri": "https://accounts.google.com/samlrp/01ssop0/acs"}}}
	o.credentials["01ssop0"] = []object{{"name": "inboundSamlSsoProfiles/01ssop0/idpCredentials/c1", "rsaKeyInfo": object{"keySize": 2048},
		"updateTime": stamp(t.morning().AddDate(-1, 0, 0))}}
	o.single = []object{{"name": "inboundSsoAssignments/01asg0", "customer": "customers/" + CustomerID, "ssoMode": "SSO_OFF",
		"targetOrgUnit": "orgUnits/03ph8a2z0", "rank": 0}}
	if !t.config.Quiet {
		o.addRogueProvider(t.at("2026-10-14 21:01:50"))
	}
}

// addRogueProvider has an identity provider of the intruder's sign in whoever is in the victim's unit.
func (o *organisation) addRogueProvider(at time.Time) {
	profile := "inboundSamlSsoProfiles/" + rogueProfile
	o.profiles = append(o.profiles, object{"name": profile, "customer": "customers/" + CustomerID, "displayName": "Annuaire du siege",
		"idpConfig": object{"entityId": "https://idp.webfree.example/saml", "singleSignOnServiceUri": "https://idp.webfree.example/sso",
			"changePasswordUri": "https://idp.webfree.example/password"},
		"spConfig": object{"entityId": "https://accounts.google.com/samlrp/" + rogueProfile,
			"assertionConsumerServiceUri": "https://accounts.google.com/samlrp/" + rogueProfile + "/acs"}})
	o.credentials[rogueProfile] = []object{{"name": profile + "/idpCredentials/c7", "rsaKeyInfo": object{"keySize": 2048}, "updateTime": stamp(at)}}
	o.single = append(o.single, object{"name": "inboundSsoAssignments/" + rogueAssignment, "customer": "customers/" + CustomerID, "ssoMode": "SAML_SSO",
		"targetOrgUnit": "orgUnits/03ph8a2z2", "samlSsoInfo": object{"inboundSamlSsoProfile": profile}, "rank": 0})
}

// listPolicies understands setting.type.matches('prefix.*') and equality of setting.type.
func listPolicies(t *Tenant, c *call) (object, *apiError) {
	wanted := c.arg("filter")
	prefix, exact := "", ""
	switch {
	case wanted == "":
	case strings.HasPrefix(wanted, "setting.type.matches('") && strings.HasSuffix(wanted, ".*')"):
		prefix = "settings/" + strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(wanted, "setting.type.matches('"), ".*')"), "settings/")
	case strings.HasPrefix(wanted, "setting.type == '"):
		exact = strings.Trim(strings.TrimPrefix(wanted, "setting.type == "), "'")
	default:
		return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand filter %s", wanted)
	}
	var items []object
	for _, policy := range t.org.policies {
		kind := text(policy["setting"].(object), "type")
		if strings.HasPrefix(kind, prefix) && (exact == "" || kind == exact) {
			items = append(items, policy)
		}
	}
	return c.paged(object{}, "policies", items, 50, 100)
}

func getPolicy(t *Tenant, c *call) (object, *apiError) {
	return one(t.org.policies, "name", "policies/"+c.path["policiesId"])
}

func listSamlProfiles(t *Tenant, c *call) (object, *apiError) {
	return c.paged(object{}, "inboundSamlSsoProfiles", t.org.profiles, 10, 100)
}

// deleteSamlProfile deletes a profile that no assignment names.
func deleteSamlProfile(t *Tenant, c *call) (object, *apiError) {
	name := "inboundSamlSsoProfiles/" + c.path["inboundSamlSsoProfilesId"]
	for _, assignment := range t.org.single {
		if info, _ := assignment["samlSsoInfo"].(object); text(info, "inboundSamlSsoProfile") == name {
			return nil, failure(http.StatusBadRequest, "failedPrecondition", "The profile is in use by an SSO assignment.")
		}
	}
	if _, err := c.remove(&t.org.profiles, "name", name); err != nil {
		return nil, err
	}
	return operation(t), nil
}

func listCredentials(t *Tenant, c *call) (object, *apiError) {
	id := c.path["inboundSamlSsoProfilesId"]
	if where(t.org.profiles, "name", "inboundSamlSsoProfiles/"+id) < 0 {
		return nil, notFoundEntity()
	}
	return c.paged(object{}, "idpCredentials", t.org.credentials[id], 10, 100)
}

func listSsoAssignments(t *Tenant, c *call) (object, *apiError) {
	return c.paged(object{}, "inboundSsoAssignments", t.org.single, 10, 100)
}

// createSsoAssignment assigns a profile to a unit or a group that has none; the assignment gets a name of its own.
func createSsoAssignment(t *Tenant, c *call) (object, *apiError) {
	made := clone(c.body)
	info, _ := made["samlSsoInfo"].(object)
	target := "targetOrgUnit"
	if text(made, "targetGroup") != "" {
		target = "targetGroup"
	}
	switch profile := text(info, "inboundSamlSsoProfile"); {
	case text(made, target) == "" || text(made, "ssoMode") == "SAML_SSO" && profile == "":
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Request contains an invalid argument.")
	case profile != "" && where(t.org.profiles, "name", profile) < 0:
		return nil, failure(http.StatusBadRequest, "failedPrecondition", "The profile does not exist.")
	case where(t.org.single, target, text(made, target)) >= 0:
		return nil, failure(http.StatusConflict, "alreadyExists", "The target has an SSO assignment.")
	}
	made["name"] = "inboundSsoAssignments/" + filterID(t.next())
	if text(info, "inboundSamlSsoProfile") == "inboundSamlSsoProfiles/"+rogueProfile {
		made["name"] = "inboundSsoAssignments/" + rogueAssignment // by which the tenant knows him
	}
	c.change(func() { t.org.single = append(t.org.single, made) })
	done := operation(t)
	done["response"] = clone(made)
	return done, nil
}

func deleteSsoAssignment(t *Tenant, c *call) (object, *apiError) {
	if _, err := c.remove(&t.org.single, "name", "inboundSsoAssignments/"+c.path["inboundSsoAssignmentsId"]); err != nil {
		return nil, err
	}
	return operation(t), nil
}

// listNothing is the answer of a list that is empty here.
func listNothing(t *Tenant, c *call) (object, *apiError) {
	return c.paged(object{}, "items", nil, 100, 100)
}
