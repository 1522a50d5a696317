package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/engine"
)

// settings looks all of them up.
func (r *reader) settings() *Settings {
	s := &Settings{Engine: engine.DefaultSettings(), Forks: 5, Timeout: 10, DiffContext: 3, Connection: "smart", BecomeMethod: "sudo", BecomeUser: "root"}
	r.folders(s)
	r.plays(s)
	r.connections(s)
	r.vaults(s)
	r.display(s)
	return s
}

func (r *reader) folders(s *Settings) {
	home := expand("~/.ansible")
	r.path(&home, "ANSIBLE_HOME", "defaults.home")
	s.Engine.RolePaths = []string{filepath.Join(home, "roles"), "/usr/share/ansible/roles", "/etc/ansible/roles"}
	r.paths(&s.Engine.RolePaths, ":", "ANSIBLE_ROLES_PATH", "defaults.roles_path")
	s.Engine.CollectionPaths = []string{filepath.Join(home, "collections"), "/usr/share/ansible/collections"}
	r.paths(&s.Engine.CollectionPaths, ":", "ANSIBLE_COLLECTIONS_PATHS ANSIBLE_COLLECTIONS_PATH", "defaults.collections_paths", "defaults.collections_path")
	found, _ := filepath.Glob("/usr/lib/python3*/dist-packages/ansible_collections")
	for _, dir := range found {
		s.Engine.CollectionPaths = append(s.Engine.CollectionPaths, filepath.Dir(dir))
	}
	s.Library = []string{filepath.Join(home, "plugins/modules"), "/usr/share/ansible/plugins/modules"}
	r.paths(&s.Library, ":", "ANSIBLE_LIBRARY", "defaults.library")
	if _, err := os.Stat("/etc/ansible/hosts"); err == nil {
		s.Inventory = []string{"/etc/ansible/hosts"}
	}
	if v, ok := r.env("ANSIBLE_INVENTORY"); ok {
		s.Inventory = sources(v, func(p string) string { return p })
	} else if v, ok := r.file["defaults.inventory"]; ok {
		s.Inventory = sources(v, r.resolve)
	}
	r.list(&s.InventoryIgnore, "ANSIBLE_INVENTORY_IGNORE", "defaults.inventory_ignore_extensions", "inventory.ignore_extensions")
}

// sources splits a list of inventories; "host," is a list of hosts and one source.
func sources(v string, resolve func(string) string) []string {
	if strings.HasSuffix(strings.TrimSpace(v), ",") {
		return []string{v}
	}
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, resolve(part))
		}
	}
	return out
}

func (r *reader) plays(s *Settings) {
	e := &s.Engine
	r.number(&s.Forks, "ANSIBLE_FORKS", "defaults.forks")
	r.number(&s.Verbosity, "ANSIBLE_VERBOSITY", "defaults.verbosity")
	r.text(&e.Gathering, "ANSIBLE_GATHERING", "defaults.gathering")
	var subset []string
	r.list(&subset, "ANSIBLE_GATHER_SUBSET", "defaults.gather_subset")
	for _, part := range subset {
		e.GatherSubset = append(e.GatherSubset, part)
	}
	r.number(&e.GatherTimeout, "ANSIBLE_GATHER_TIMEOUT", "defaults.gather_timeout")
	r.text(&e.FactPath, "ANSIBLE_FACT_PATH", "defaults.fact_path")
	r.cache(e)
	r.text(&e.Strategy, "ANSIBLE_STRATEGY", "defaults.strategy")
	r.flag(&e.ForceHandlers, "ANSIBLE_FORCE_HANDLERS", "defaults.force_handlers")
	r.flag(&e.AnyErrorsFatal, "ANSIBLE_ANY_ERRORS_FATAL", "defaults.any_errors_fatal")
	r.flag(&e.NoLog, "ANSIBLE_NO_LOG", "defaults.no_log")
	r.flag(&e.InjectFacts, "ANSIBLE_INJECT_FACT_VARS", "defaults.inject_facts_as_vars")
	r.flag(&e.MissingHandler, "ANSIBLE_ERROR_ON_MISSING_HANDLER", "defaults.error_on_missing_handler")
	r.number(&e.TaskTimeout, "ANSIBLE_TASK_TIMEOUT", "defaults.task_timeout")
	r.number(&e.PollInterval, "ANSIBLE_POLL_INTERVAL", "defaults.poll_interval")
	r.flag(&e.PrivateRoleVars, "ANSIBLE_PRIVATE_ROLE_VARS", "defaults.private_role_vars")
	retry := false
	r.flag(&retry, "ANSIBLE_RETRY_FILES_ENABLED", "defaults.retry_files_enabled")
	if retry {
		e.Retry = "."
		r.path(&e.Retry, "ANSIBLE_RETRY_FILES_SAVE_PATH", "defaults.retry_files_save_path")
	}
	r.list(&s.Tags, "ANSIBLE_RUN_TAGS", "tags.run")
	r.list(&s.SkipTags, "ANSIBLE_SKIP_TAGS", "tags.skip")
	r.flag(&s.Diff, "ANSIBLE_DIFF_ALWAYS", "diff.always")
	r.number(&s.DiffContext, "ANSIBLE_DIFF_CONTEXT", "diff.context")
}

// cache reads where facts are kept between runs.
func (r *reader) cache(e *engine.Settings) {
	kind, keep := "memory", 86400
	r.text(&kind, "ANSIBLE_CACHE_PLUGIN", "defaults.fact_caching")
	if i := strings.LastIndexByte(kind, '.'); i >= 0 {
		kind = kind[i+1:]
	}
	c := &engine.FactCache{}
	r.path(&c.Dir, "ANSIBLE_CACHE_PLUGIN_CONNECTION", "defaults.fact_caching_connection")
	r.text(&c.Prefix, "ANSIBLE_CACHE_PLUGIN_PREFIX", "defaults.fact_caching_prefix")
	r.number(&keep, "ANSIBLE_CACHE_PLUGIN_TIMEOUT", "defaults.fact_caching_timeout")
	c.Keep = time.Duration(keep) * time.Second
	switch {
	case kind == "jsonfile" && c.Dir == "":
		r.errs = append(r.errs, errors.New("setting fact_caching: jsonfile needs fact_caching_connection, the folder of its files"))
	case kind == "jsonfile":
		e.FactCache = c
	case kind != "memory":
		r.errs = append(r.errs, fmt.Errorf("setting fact_caching: goodstate has memory and jsonfile, not %s; ANSIBLE_CACHE_PLUGIN=memory keeps facts for one run", kind))
	}
}

func (r *reader) connections(s *Settings) {
	e := &s.Engine
	r.text(&s.RemoteUser, "ANSIBLE_REMOTE_USER", "defaults.remote_user")
	r.text(&s.Connection, "ANSIBLE_TRANSPORT", "defaults.transport")
	r.path(&s.KeyFile, "ANSIBLE_PRIVATE_KEY_FILE", "defaults.private_key_file")
	r.number(&s.Timeout, "ANSIBLE_TIMEOUT ANSIBLE_SSH_TIMEOUT", "defaults.timeout", "ssh_connection.timeout")
	r.flag(&s.Become, "ANSIBLE_BECOME", "privilege_escalation.become")
	r.text(&s.BecomeMethod, "ANSIBLE_BECOME_METHOD", "privilege_escalation.become_method")
	r.text(&s.BecomeUser, "ANSIBLE_BECOME_USER", "privilege_escalation.become_user")
	r.flag(&s.AskBecome, "ANSIBLE_BECOME_ASK_PASS", "privilege_escalation.become_ask_pass")
	r.flag(&s.AskPassword, "ANSIBLE_ASK_PASS", "defaults.ask_pass")
	r.path(&s.BecomePasswordFile, "ANSIBLE_BECOME_PASSWORD_FILE", "defaults.become_password_file")
	r.path(&s.ConnectionPasswordFile, "ANSIBLE_CONNECTION_PASSWORD_FILE", "defaults.connection_password_file")
	r.flag(&e.HostKeyChecking, "ANSIBLE_HOST_KEY_CHECKING ANSIBLE_SSH_HOST_KEY_CHECKING", "defaults.host_key_checking", "ssh_connection.host_key_checking")
	r.text(&e.Interpreter, "ANSIBLE_PYTHON_INTERPRETER", "defaults.interpreter_python")
	args := ""
	r.text(&args, "ANSIBLE_SSH_ARGS", "ssh_connection.ssh_args")
	for _, env := range []string{"COMMON", "EXTRA"} {
		more := ""
		r.text(&more, "ANSIBLE_SSH_"+env+"_ARGS", "ssh_connection.ssh_"+strings.ToLower(env)+"_args")
		args += " " + more
	}
	words, err := engine.ShellWords(args)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	e.SSHArgs = words
}

func (r *reader) vaults(s *Settings) {
	r.path(&s.VaultFile, "ANSIBLE_VAULT_PASSWORD_FILE", "defaults.vault_password_file")
	r.list(&s.VaultIDs, "ANSIBLE_VAULT_IDENTITY_LIST", "defaults.vault_identity_list")
	s.VaultIdentity = "default"
	r.text(&s.VaultIdentity, "ANSIBLE_VAULT_IDENTITY", "defaults.vault_identity")
	r.text(&s.EncryptIdentity, "ANSIBLE_VAULT_ENCRYPT_IDENTITY", "defaults.vault_encrypt_identity")
	r.flag(&s.AskVault, "ANSIBLE_ASK_VAULT_PASS", "defaults.ask_vault_pass")
}

func (r *reader) display(s *Settings) {
	r.flag(&s.NoColor, "ANSIBLE_NOCOLOR", "defaults.nocolor")
	if v, ok := r.env("NO_COLOR"); ok && v != "" {
		s.NoColor = true
	}
	r.flag(&s.ForceColor, "ANSIBLE_FORCE_COLOR", "defaults.force_color")
	skipped, ok := true, true
	r.flag(&skipped, "ANSIBLE_DISPLAY_SKIPPED_HOSTS", "defaults.display_skipped_hosts")
	r.flag(&ok, "ANSIBLE_DISPLAY_OK_HOSTS", "defaults.display_ok_hosts")
	s.HideSkipped, s.HideOK = !skipped, !ok
	r.flag(&s.ShowStats, "ANSIBLE_SHOW_CUSTOM_STATS", "defaults.show_custom_stats")
	r.flag(&s.Markers, "ANSIBLE_CHECK_MODE_MARKERS", "defaults.check_mode_markers")
	r.flag(&s.PerHostStart, "ANSIBLE_SHOW_PER_HOST_START", "defaults.show_per_host_start")
	r.flag(&s.ArgsToo, "ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "defaults.display_args_to_stdout")
	r.flag(&s.ToErr, "ANSIBLE_DISPLAY_FAILED_STDERR", "defaults.display_failed_stderr")
	r.list(&s.Callbacks, "ANSIBLE_CALLBACKS_ENABLED ANSIBLE_CALLBACK_WHITELIST", "defaults.callbacks_enabled", "defaults.callback_whitelist")
}
