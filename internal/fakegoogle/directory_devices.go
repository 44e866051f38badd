package fakegoogle

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func directoryDevices() map[string]handler {
	const m = "directory.mobiledevices."
	const c = "directory.chromeosdevices."
	return map[string]handler{
		m + "list":   ofCustomer("customerId", listMobiles),
		m + "get":    ofCustomer("customerId", getMobile),
		m + "action": ofCustomer("customerId", actOnMobile),
		m + "delete": ofCustomer("customerId", deleteMobile),
		c + "list":   ofCustomer("customerId", listChromes),
		c + "get":    ofCustomer("customerId", getChrome),
		"admin.customer.devices.chromeos.issueCommand":      ofCustomer("customerId", commandChrome),
		"admin.customer.devices.chromeos.batchChangeStatus": ofCustomer("customerId", changeChromes),
	}
}

func listMobiles(t *Tenant, c *call) (object, *apiError) {
	items := t.org.mobiles
	if query := c.arg("query"); query != "" {
		address, ok := strings.CutPrefix(query, "email:")
		if !ok {
			return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand query %s", query)
		}
		items = slices.DeleteFunc(slices.Clone(items), func(o object) bool { return deviceOwner(o) != strings.Trim(address, `"`) })
	}
	return c.paged(object{"kind": "admin#directory#mobiledevices"}, "mobiledevices", tagged(items), 100, 100)
}

// deviceOwner is the first address of a mobile device.
func deviceOwner(mobile object) string {
	addresses, _ := mobile["email"].([]any)
	if len(addresses) == 0 {
		return ""
	}
	owner, _ := addresses[0].(string)
	return owner
}

// mobile finds the device that the path names.
func (c *call) mobile() (object, *apiError) {
	i := where(c.tenant.org.mobiles, "resourceId", c.path["resourceId"])
	if i < 0 {
		return nil, notFoundKey("resourceId")
	}
	return c.tenant.org.mobiles[i], nil
}

func getMobile(t *Tenant, c *call) (object, *apiError) {
	device, err := c.mobile()
	if err != nil {
		return nil, err
	}
	return tagged([]object{device})[0], nil
}

// actOnMobile blocks, approves or wipes a device. A wipe is carried out when the device next synchronises: until then
// its status says that it is wiping.
func actOnMobile(t *Tenant, c *call) (object, *apiError) {
	device, err := c.mobile()
	if err != nil {
		return nil, err
	}
	status := map[string]string{"approve": "APPROVED", "block": "BLOCKED", "admin_account_wipe": "ACCOUNT_WIPING", "admin_remote_wipe": "WIPING",
		"cancel_remote_wipe_then_activate": "APPROVED", "cancel_remote_wipe_then_block": "BLOCKED"}[text(c.body, "action")]
	if status == "" {
		return nil, invalidInput("action")
	}
	c.change(func() { device["status"] = status })
	c.audit("admin", "MOBILE_SETTINGS", "ACTION_REQUESTED", parameter("ACTION_TYPE", text(c.body, "action")), parameter("USER_EMAIL", deviceOwner(device)))
	return nil, nil
}

func deleteMobile(t *Tenant, c *call) (object, *apiError) {
	if _, err := c.mobile(); err != nil {
		return nil, err
	}
	c.change(func() { t.org.mobiles = without(t.org.mobiles, "resourceId", c.path["resourceId"]) })
	return nil, nil
}

// listChromes understands query=user:ADDRESS and recent_user:ADDRESS, which find the devices that somebody used recently.
func listChromes(t *Tenant, c *call) (object, *apiError) {
	items := t.org.chromes
	if query := c.arg("query"); query != "" {
		address, ok := strings.CutPrefix(strings.TrimPrefix(query, "recent_"), "user:")
		if !ok {
			return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand query %s", query)
		}
		items = slices.DeleteFunc(slices.Clone(items), func(o object) bool {
			return !slices.ContainsFunc(o["recentUsers"].([]any), func(u any) bool { return text(u.(object), "email") == strings.Trim(address, `"`) })
		})
	}
	return c.paged(object{"kind": "admin#directory#chromeosdevices"}, "chromeosdevices", tagged(items), 100, 300)
}

func getChrome(t *Tenant, c *call) (object, *apiError) {
	i := where(t.org.chromes, "deviceId", c.path["deviceId"])
	if i < 0 {
		return nil, notFoundKey("deviceId")
	}
	return tagged(t.org.chromes[i : i+1])[0], nil
}

// changeChromes disables devices and enables them again. What came of each stands in the answer, which succeeds in any case.
func changeChromes(t *Tenant, c *call) (object, *apiError) {
	status := map[string]string{"CHANGE_CHROME_OS_DEVICE_STATUS_ACTION_DISABLE": "DISABLED",
		"CHANGE_CHROME_OS_DEVICE_STATUS_ACTION_REENABLE": "ACTIVE"}[text(c.body, "changeChromeOsDeviceStatusAction")]
	ids := c.bodyTexts("deviceIds")
	if status == "" || len(ids) == 0 || len(ids) > 50 {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Request contains an invalid argument.")
	}
	var results []object
	for _, id := range ids {
		i := where(t.org.chromes, "deviceId", id)
		if i < 0 {
			results = append(results, object{"deviceId": id, "error": object{"code": 5.0, "message": "Device not found."}})
			continue
		}
		device := t.org.chromes[i]
		c.change(func() { device["status"] = status })
		c.audit("admin", "CHROME_OS_SETTINGS", "CHANGE_DEVICE_STATE", parameter("DEVICE_NEW_STATE", status), parameter("DEVICE_SERIAL_NUMBER", text(device, "serialNumber")))
		results = append(results, object{"deviceId": id, "response": object{}})
	}
	return list(object{}, "changeChromeOsDeviceStatusResults", results), nil
}

func commandChrome(t *Tenant, c *call) (object, *apiError) {
	if _, err := getChrome(t, c); err != nil {
		return nil, err
	}
	if text(c.body, "commandType") == "" {
		return nil, invalidInput("commandType")
	}
	c.audit("admin", "CHROME_OS_SETTINGS", "ISSUE_DEVICE_COMMAND", parameter("DEVICE_NEW_STATE", text(c.body, "commandType")))
	return object{"commandId": strconv.FormatUint(t.next(), 10)}, nil
}
