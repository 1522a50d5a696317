//go:build agents

package agent

import _ "embed"

// The agents of a release, made by `make build`.
//
//go:embed shipped/linux-amd64.gz
var shippedAMD64 []byte

//go:embed shipped/linux-arm64.gz
var shippedARM64 []byte

func init() {
	shipped["amd64"] = shippedAMD64
	shipped["arm64"] = shippedARM64
}
