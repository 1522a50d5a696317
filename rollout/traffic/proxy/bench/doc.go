// Package bench measures goodstate's proxy beside HAProxy and nginx: the same upstream, the same requests, the same machine,
// in turns. It has benchmarks only: go test -bench . ./rollout/traffic/proxy/bench
package bench
