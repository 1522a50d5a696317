package py

// Native is text that must stay text: to_json and the like make it, so that a template that writes JSON does not give a list. Elsewhere it is a str.
type Native struct {
	Text   string
	Unsafe bool
}

func (n Native) String() string { return n.Text }

// TypeName is the name of the type in Ansible.
func (n Native) TypeName() string {
	if n.Unsafe {
		return "NativeJinjaUnsafeText"
	}
	return "NativeJinjaText"
}

// Len is the length in bytes; only whether it is zero is of interest.
func (n Native) Len() int { return len(n.Text) }
