package fakegoogle

type organisation struct{}

func (t *Tenant) newOrganisation() *organisation { return &organisation{} }
