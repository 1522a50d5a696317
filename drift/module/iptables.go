package module

import (
	"context"
	"strings"
)

func init() {
	register(Kind{
		Name:    "iptables",
		Help:    "A rule of the kernel's packet filter, as it is now in force",
		Example: "iptables: {chain: INPUT, protocol: tcp, destination_port: '22', jump: ACCEPT}",
		Options: []Option{
			{Name: "table", Default: "filter", Choices: words("filter", "nat", "mangle", "raw", "security")},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "action", Default: "append", Choices: words("append", "insert")},
			{Name: "ip_version", Default: "ipv4", Choices: words("ipv4", "ipv6", "both")},
			{Name: "chain"},
			{Name: "rule_num"},
			{Name: "protocol"},
			{Name: "wait"},
			{Name: "source"},
			{Name: "to_source"},
			{Name: "destination"},
			{Name: "to_destination"},
			{Name: "match", Type: List, Elements: Str, Default: []any{}},
			{Name: "tcp_flags", Type: Dict, Sub: []Option{{Name: "flags", Type: List, Elements: Str}, {Name: "flags_set", Type: List, Elements: Str}}},
			{Name: "jump"},
			{Name: "gateway"},
			{Name: "log_prefix"},
			{Name: "log_level", Choices: words("0", "1", "2", "3", "4", "5", "6", "7", "emerg", "alert", "crit", "error", "warning", "notice", "info", "debug")},
			{Name: "goto"},
			{Name: "in_interface"},
			{Name: "out_interface"},
			{Name: "fragment"},
			{Name: "set_counters"},
			{Name: "source_port"},
			{Name: "destination_port"},
			{Name: "destination_ports", Type: List, Elements: Str, Default: []any{}},
			{Name: "to_ports"},
			{Name: "set_dscp_mark"},
			{Name: "set_dscp_mark_class"},
			{Name: "comment"},
			{Name: "ctstate", Type: List, Elements: Str, Default: []any{}},
			{Name: "src_range"},
			{Name: "dst_range"},
			{Name: "match_set"},
			{Name: "match_set_flags", Choices: words("src", "dst", "src,dst", "dst,src", "src,src", "dst,dst")},
			{Name: "limit"},
			{Name: "limit_burst"},
			{Name: "uid_owner"},
			{Name: "gid_owner"},
			{Name: "reject_with"},
			{Name: "icmp_type"},
			{Name: "syn", Default: "ignore", Choices: words("ignore", "match", "negate")},
			{Name: "flush", Type: Bool, Default: false},
			{Name: "policy", Choices: words("ACCEPT", "DROP", "QUEUE", "RETURN")},
			{Name: "chain_management", Type: Bool, Default: false},
			{Name: "numeric", Type: Bool, Default: false, Since: "2.15"},
		},
		MutuallyExclusive: [][]string{{"set_dscp_mark", "set_dscp_mark_class"}, {"flush", "policy"}},
		RequiredIf: []RequiredIf{
			{Option: "jump", Value: "TEE", Requires: []string{"gateway"}},
			{Option: "jump", Value: "tee", Requires: []string{"gateway"}},
		},
		RequiredBy: map[string][]string{"match_set": {"match_set_flags"}, "match_set_flags": {"match_set"}},
		Check:      CheckFull,
		Plan:       planIptables,
	})
}

func planIptables(ctx context.Context, t *Task) error {
	if t.Bool("chain_management") || t.Has("tcp_flags") || t.Has("match_set") {
		return notNative("iptables with chain_management, tcp_flags or match_set")
	}
	if !t.Has("chain") && !t.Bool("flush") {
		return fail("Either chain or flush parameter must be specified.")
	}
	rule := t.iptablesRule()
	for key, value := range map[string]any{
		"ip_version": t.Str("ip_version"), "table": t.Str("table"), "chain": t.args["chain"], "flush": t.Bool("flush"), "rule": strings.Join(rule, " "),
		"state": t.Str("state"), "chain_management": false,
	} {
		t.Return(key, value)
	}
	programs := map[string][]string{"ipv4": {"iptables"}, "ipv6": {"ip6tables"}, "both": {"iptables", "ip6tables"}}[t.Str("ip_version")]
	for _, name := range programs {
		if err := t.need(name); err != nil {
			return err
		}
		if err := t.planRule(ctx, name, rule); err != nil {
			return err
		}
	}
	return nil
}

func (t *Task) planRule(ctx context.Context, name string, rule []string) error {
	base := []string{name}
	if t.Has("wait") {
		base = append(base, "-w", t.Str("wait"))
	}
	base = append(base, "-t", t.Str("table"))
	chain := t.Str("chain")
	call := func(args ...string) []string { return append(base[:len(base):len(base)], args...) }
	switch {
	case t.Bool("flush"):
		args := call("-F")
		if chain != "" {
			args = append(args, chain)
		}
		t.command(args...)
		return nil
	case t.Has("policy"):
		out, err := t.run(ctx, program{args: call("-S", chain), env: cLocale})
		if err != nil {
			return err
		}
		if !strings.Contains(out.stdout, "-P "+chain+" "+t.Str("policy")) {
			t.command(call("-P", chain, t.Str("policy"))...)
		}
		return nil
	}
	out, err := t.run(ctx, program{args: append(call("-C", chain), rule...), env: cLocale})
	if err != nil {
		return err
	}
	there := out.rc == 0
	switch {
	case there == (t.Str("state") == "present"):
	case there:
		t.command(append(call("-D", chain), rule...)...)
	case t.Str("action") == "insert":
		args := call("-I", chain)
		if t.Has("rule_num") {
			args = append(args, t.Str("rule_num"))
		}
		t.command(append(args, rule...)...)
	default:
		t.command(append(call("-A", chain), rule...)...)
	}
	return nil
}

// iptablesRule writes the options as iptables(8) has them.
func (t *Task) iptablesRule() []string {
	var rule []string
	add := func(option, flag string) {
		value := t.Str(option)
		if value == "" {
			return
		}
		if rest, negated := strings.CutPrefix(value, "!"); negated {
			rule = append(rule, "!")
			value = strings.TrimSpace(rest)
		}
		rule = append(rule, flag, value)
	}
	has := func(match string) bool {
		for _, m := range t.Strs("match") {
			if m == match {
				return true
			}
		}
		return false
	}
	add("protocol", "-p")
	add("source", "-s")
	add("destination", "-d")
	for _, m := range t.Strs("match") {
		rule = append(rule, "-m", m)
	}
	add("jump", "-j")
	if strings.EqualFold(t.Str("jump"), "TEE") {
		add("gateway", "--gateway")
	}
	add("log_prefix", "--log-prefix")
	add("log_level", "--log-level")
	add("to_destination", "--to-destination")
	if ports := t.Strs("destination_ports"); len(ports) > 0 {
		if !has("multiport") {
			rule = append(rule, "-m", "multiport")
		}
		rule = append(rule, "--dports", strings.Join(ports, ","))
	}
	add("to_source", "--to-source")
	add("goto", "-g")
	add("in_interface", "-i")
	add("out_interface", "-o")
	add("fragment", "-f")
	add("set_counters", "-c")
	add("source_port", "--source-port")
	add("destination_port", "--destination-port")
	add("to_ports", "--to-ports")
	add("set_dscp_mark", "--set-dscp")
	add("set_dscp_mark_class", "--set-dscp-class")
	switch t.Str("syn") {
	case "match":
		rule = append(rule, "--syn")
	case "negate":
		rule = append(rule, "!", "--syn")
	}
	if states := t.Strs("ctstate"); len(states) > 0 {
		flag := "--ctstate"
		if has("state") {
			flag = "--state"
		} else if !has("conntrack") {
			rule = append(rule, "-m", "conntrack")
		}
		rule = append(rule, flag, strings.Join(states, ","))
	}
	if (t.Has("src_range") || t.Has("dst_range")) && !has("iprange") {
		rule = append(rule, "-m", "iprange")
	}
	add("src_range", "--src-range")
	add("dst_range", "--dst-range")
	if (t.Has("limit") || t.Has("limit_burst")) && !has("limit") {
		rule = append(rule, "-m", "limit")
	}
	add("limit", "--limit")
	add("limit_burst", "--limit-burst")
	if (t.Has("uid_owner") || t.Has("gid_owner")) && !has("owner") {
		rule = append(rule, "-m", "owner")
	}
	add("uid_owner", "--uid-owner")
	add("gid_owner", "--gid-owner")
	if t.Has("reject_with") && !t.Has("jump") {
		rule = append(rule, "-j", "REJECT")
	}
	add("reject_with", "--reject-with")
	add("icmp_type", map[string]string{"ipv4": "--icmp-type", "ipv6": "--icmpv6-type", "both": "--icmp-type"}[t.Str("ip_version")])
	if t.Has("comment") {
		if !has("comment") {
			rule = append(rule, "-m", "comment")
		}
		rule = append(rule, "--comment", t.Str("comment"))
	}
	return rule
}
