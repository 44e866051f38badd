package workspace

import "time"

type Again struct{ From time.Time }
