package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/velero"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/kube"
)

func backupImport(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "import", Short: "Move over from another tool for backups"}
	c.AddCommand(importVelero(t))
	return c
}

// plansOfVelero is what import says with --json.
type plansOfVelero struct {
	Schedules int      `json:"schedules"`
	Backups   []string `json:"backups,omitempty"` // that may be imported, the youngest first
	YAML      string   `json:"yaml"`
	Notes     []string `json:"notes"` // what was not moved
	Wrote     string   `json:"wrote,omitempty"`
}

// veleroFrom says where Velero's objects are read.
type veleroFrom struct {
	kubeconfig, context, namespace, folder string
	backup, location                       string
	write                                  bool
}

func importVelero(t *terminal) *cobra.Command {
	o := &veleroFrom{}
	q := &backup.Request{}
	c := &cobra.Command{
		Use: "velero [APPLICATION]", Short: "Schedules and storage locations become plans; a backup becomes a restore point", Args: args(0, 1, "at most one APPLICATION"),
		Long: "Without an APPLICATION: read schedules and storage locations of Velero from a cluster (--kubeconfig), from a folder of manifests or from a storage location (--folder), and print\n" +
			"the equal sections of goodstate.yaml. With one: make a restore point of it out of a backup that Velero made, with the time of that backup. It is restored as any other.\n" +
			"What cannot be moved, data of volumes among it, is named, and the exit code is then 3. Nothing of Velero is changed.",
	}
	f := c.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`FILE` to reach the cluster with, in which Velero runs")
	f.StringVar(&o.context, "context", "", "context of the kubeconfig, if not its current one")
	f.StringVar(&o.namespace, "velero-namespace", "", "namespace of Velero, if it runs in several")
	f.StringVar(&o.folder, "folder", "", "`FOLDER` of manifests, or that has the folder backups of a storage location")
	f.BoolVar(&o.write, "write", false, "add the sections to goodstate.yaml, which must have no backup yet")
	f.StringVar(&o.backup, "backup", "", "`NAME` of the backup that is imported into APPLICATION")
	f.StringVar(&o.location, "location", "", "`NAME` under backup.velero of goodstate.yaml, where it lies")
	backupWork(t, c, backup.KindImport, q)
	work := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			if o.backup != "" || o.location != "" {
				return usage("--backup and --location go with an APPLICATION")
			}
			return t.plansOfVelero(cmd, o)
		}
		if o.backup == "" || o.location == "" || o.write || o.folder+o.kubeconfig != "" {
			return usage("a backup is imported with --backup NAME --location NAME, and nothing else")
		}
		q.Import = &backup.Foreign{Location: o.location, Backup: o.backup}
		return work(cmd, args)
	}
	return c
}

func (t *terminal) plansOfVelero(cmd *cobra.Command, o *veleroFrom) error {
	found, err := o.read(cmd)
	if err != nil {
		return err
	}
	if found.Empty() {
		return errors.New("there is nothing of Velero")
	}
	plans := found.Plans(o.kubeconfig)
	text := plans.Secrets + plans.Backup
	done := plansOfVelero{Schedules: len(found.Schedules), Notes: plans.Notes, YAML: text}
	for i := len(found.Backups) - 1; i >= 0; i-- {
		done.Backups = append(done.Backups, found.Backups[i].Name())
	}
	if plans.Backup == "" {
		done.YAML = ""
	} else if err := takesBackups("the moved plans", []byte("services: {}\n"+text)); err != nil {
		return err
	}
	if o.write && plans.Backup != "" {
		if err := t.addPlans(&done, plans); err != nil {
			return err
		}
	}
	t.movedPlans(done)
	if len(done.Notes) > 0 {
		return &exitError{code: exitIncomplete}
	}
	return nil
}

func (o *veleroFrom) read(cmd *cobra.Command) (velero.Found, error) {
	switch {
	case (o.folder == "") == (o.kubeconfig == ""):
		return velero.Found{}, usage("say where Velero is, once: --kubeconfig FILE or --folder FOLDER")
	case o.kubeconfig != "":
		c, err := kube.Connect(kube.Access{File: o.kubeconfig, Context: o.context})
		if err != nil {
			return velero.Found{}, err
		}
		return velero.FromCluster(cmd.Context(), c, o.namespace)
	}
	if info, err := os.Stat(filepath.Join(o.folder, "backups")); err == nil && info.IsDir() {
		return velero.FromStore(cmd.Context(), velero.Store{Storage: storage.NewFolder(o.folder)})
	}
	return velero.FromFolder(o.folder)
}

// addPlans writes the plans. Secrets that the file has already stay; where it has a section of them, the new ones are named.
func (t *terminal) addPlans(done *plansOfVelero, plans velero.Plans) error {
	path, err := t.configFile()
	if err != nil {
		path = app.ConfigName
	}
	text := done.YAML
	if old, err := os.ReadFile(path); err == nil && hasSection(old, "secrets") {
		text = plans.Backup
		done.Notes = append(done.Notes, fmt.Sprintf("%s has secrets already; see that these are among them: %s", filepath.Base(path), strings.Join(plans.Needed, ", ")))
	}
	if err := addSections(path, text, "backup", "goodstate backup import velero", func(data []byte) error { return takesBackups(filepath.Base(path), data) }); err != nil {
		return err
	}
	done.Wrote = path
	return nil
}

// takesBackups tells whether goodstate takes a configuration.
func takesBackups(name string, data []byte) error {
	var c app.Config
	return config.Parse(name, data, &c)
}

func (t *terminal) movedPlans(done plansOfVelero) {
	if t.json {
		t.document(done)
		return
	}
	for _, n := range done.Notes {
		fmt.Fprintln(t.err, n)
	}
	for _, b := range done.Backups {
		fmt.Fprintf(t.err, "backup %s can be imported: goodstate backup import velero APPLICATION --location NAME --backup %s\n", b, b)
	}
	switch {
	case done.Wrote != "":
		t.say("wrote plans for %s to %s", plural(done.Schedules, "schedule"), filepath.Base(done.Wrote))
	default:
		fmt.Fprint(t.out, done.YAML)
	}
}
