package demo

import "fmt"

// strategies are those that the demo shows, with holds that are short enough to watch.
var strategies = map[string]string{
	"canary":    "canary: {steps: [10%, 50%], hold: 8s}",
	"bluegreen": "bluegreen: {compare: 20% for 8s, hold: 8s}",
	"rolling":   "rolling: {batch: 1, hold: 8s}",
}

// configuration is the goodstate.yaml of the demo: what a user would write, with times to fit a minute.
func configuration(strategy, listen string) string {
	return fmt.Sprintf(`data: data
server: {listen: "127.0.0.1:0"}
services:
  shop:
    source: {git: shop, build: go build -o shop .}
    run: ./shop
    instances: 3
    grace: 2s
    health: {http: {url: /healthz, within: 1s}}
    checks:
      purchase:
        journey:
          steps:
            - {url: /, contains: Shop}
            - {url: /item, contains: Tea}
            - {url: /cart, method: POST, body: tea, contains: Your cart}
            - {url: /checkout, method: POST, body: pay, contains: Thank you}
        retries: 2
    traffic: {listen: "%s"}
    strategy:
      %s
    judge: {warmup: 1s, limits: [errors > 10%% for 30s]}
    watch: 5s
    recover: 20s
`, listen, strategies[strategy])
}
