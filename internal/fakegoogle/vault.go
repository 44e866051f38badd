package fakegoogle

import "fmt"

func vaultAPI() map[string]handler {
	const m = "vault.matters."
	return map[string]handler{
		m + "list":         onlyAdmins(listMatters),
		m + "get":          onlyAdmins(getMatter),
		m + "create":       onlyAdmins(createMatter),
		m + "holds.list":   onlyAdmins(listHolds),
		m + "exports.list": onlyAdmins(listExports),
		m + "holds.create": onlyAdmins(createHold),
		m + "holds.delete": onlyAdmins(deleteHold),
	}
}

func listMatters(t *Tenant, c *call) (object, *apiError) {
	return c.paged(object{}, "matters", t.org.matters, 100, 100)
}

func (c *call) matter() (object, *apiError) {
	return one(c.tenant.org.matters, "matterId", c.path["matterId"])
}

func getMatter(t *Tenant, c *call) (object, *apiError) { return c.matter() }

func createMatter(t *Tenant, c *call) (object, *apiError) {
	made := clone(c.body)
	made["matterId"], made["state"] = fmt.Sprintf("0a0a0a0a-0000-4000-8000-%012d", t.next()), "OPEN"
	return c.add(&t.org.matters, made)
}

func listHolds(t *Tenant, c *call) (object, *apiError) {
	if _, err := c.matter(); err != nil {
		return nil, err
	}
	return c.paged(object{}, "holds", t.org.holds[c.path["matterId"]], 100, 100)
}

func listExports(t *Tenant, c *call) (object, *apiError) {
	if _, err := c.matter(); err != nil {
		return nil, err
	}
	return c.paged(object{}, "exports", t.org.exports[c.path["matterId"]], 100, 100)
}

// createHold keeps what a user has from being purged; it names users by id or address.
func createHold(t *Tenant, c *call) (object, *apiError) {
	matter, err := c.matter()
	if err != nil {
		return nil, err
	}
	made := clone(c.body)
	made["holdId"], made["updateTime"] = fmt.Sprintf("hold%08d", t.next()), stamp(c.now)
	accounts, _ := made["accounts"].([]any)
	for _, raw := range accounts {
		held := raw.(object)
		a, ok := t.userByKey(firstOf(text(held, "accountId"), text(held, "email")))
		if !ok {
			return nil, invalidArgument("The account does not exist.")
		}
		held["accountId"], held["email"], held["holdTime"] = a.id, a.email, stamp(c.now)
	}
	id := text(matter, "matterId")
	c.change(func() { t.org.holds[id] = append(t.org.holds[id], made) })
	return made, nil
}

func deleteHold(t *Tenant, c *call) (object, *apiError) {
	holds := t.org.holds[c.path["matterId"]]
	if where(holds, "holdId", c.path["holdId"]) < 0 {
		return nil, notFoundEntity()
	}
	c.change(func() {
		t.org.holds[c.path["matterId"]] = without(t.org.holds[c.path["matterId"]], "holdId", c.path["holdId"])
	})
	return object{}, nil
}
