package moduletest

func init() {
	add(
		Scenario{Module: "ping", Name: "pong", Args: args{}},
		Scenario{Module: "ping", Name: "data", Args: args{"data": "hello"}},
	)
}
