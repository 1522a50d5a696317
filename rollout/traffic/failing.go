package traffic

import "context"

// Failing is one kind of request that a release failed to answer: what was asked, with what, and how often.
type Failing struct {
	Release string `json:"release"`
	Method  string `json:"method"`
	Path    string `json:"path"`   // without the query; parts that look like ids are *
	Status  int    `json:"status"` // 0: the answer broke off
	Count   int64  `json:"count"`
	First   int64  `json:"first"` // second in which it was seen first
	Last    int64  `json:"last"`
}

// Witness is a Router that also knows which requests failed. What it tells is evidence for people; nothing is decided by it.
type Witness interface {
	// Failing lists the kinds of requests that releases of the service failed lately, the most frequent first.
	Failing(ctx context.Context, service string) ([]Failing, error)
}
