//go:build agents

package agent

import (
	_ "embed"
	"strings"
)

// The agents of a release, made by `make build`, with their hashes, so that nothing is unpacked here.
var (
	//go:embed shipped/linux-amd64.gz
	shippedAMD64 []byte
	//go:embed shipped/linux-amd64.sum
	shippedAMD64Sum string
	//go:embed shipped/linux-arm64.gz
	shippedARM64 []byte
	//go:embed shipped/linux-arm64.sum
	shippedARM64Sum string
)

func init() {
	shipped["amd64"] = &program{hash: strings.TrimSpace(shippedAMD64Sum), gz: shippedAMD64}
	shipped["arm64"] = &program{hash: strings.TrimSpace(shippedARM64Sum), gz: shippedARM64}
}
