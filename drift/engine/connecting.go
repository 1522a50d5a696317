package engine

import "strings"

// connecting are the variables about the connection that a task sees although nothing sets them, with what will be used.
func (s *scope) connecting(name string) (any, bool) {
	if s.task == nil || s.host == nil || !strings.HasPrefix(name, "ansible_") {
		return nil, false
	}
	switch name {
	case "ansible_host", "ansible_ssh_host":
		if v, ok := s.either("ansible_host", "ansible_ssh_host"); ok {
			return v, true
		}
		return s.host.Name, true
	case "ansible_port", "ansible_ssh_port":
		if v, ok := s.either("ansible_port", "ansible_ssh_port"); ok {
			return v, true
		}
		return s.task.Port, s.task.Port != nil
	case "ansible_user", "ansible_ssh_user":
		return s.user()
	case "ansible_connection":
		return s.connection(), true
	case "ansible_timeout":
		return int64(s.r.opt.Timeout), true
	case "ansible_shell_executable":
		return "/bin/sh", true
	}
	return nil, false
}

func (s *scope) either(names ...string) (any, bool) {
	for _, name := range names {
		if v, ok := s.set(name); ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) user() (any, bool) {
	if v, ok := s.either("ansible_user", "ansible_ssh_user"); ok {
		return v, true
	}
	if s.task.RemoteUser != nil {
		return s.task.RemoteUser, true
	}
	return s.r.opt.RemoteUser, s.r.opt.RemoteUser != ""
}

func (s *scope) connection() any {
	if s.task.Connection != nil {
		return s.task.Connection
	}
	if s.host.Implicit {
		return "local"
	}
	if c := s.r.opt.Connection; c != "" && c != "smart" {
		return c
	}
	return "ssh"
}
