package desk

import (
	"context"
	"fmt"
)

// Check says why an item would be refused, without keeping it. What it names, such as a template's inventory, is not looked up.
func Check(ctx context.Context, v any) error {
	var i item
	switch v := v.(type) {
	case Project:
		i = &v
	case Inventory:
		i = &v
	case Credential:
		i = &v
	case Template:
		i = &v
	case Schedule:
		i = &v
	default:
		return fmt.Errorf("%T is no item of a project", v)
	}
	kind, project, name := i.key()
	if err := checkName("project", project); err != nil {
		return err
	}
	if err := checkName(kind, name); err != nil {
		return err
	}
	if err := i.valid(); err != nil {
		return err
	}
	if inv, ok := v.(Inventory); ok && inv.Text != "" {
		_, err := inv.read(ctx, Project{Name: inv.Project}, "", "")
		return err
	}
	return nil
}

// Unattended says why a template cannot have a schedule: its survey wants answers that nobody would give.
func Unattended(t Template) error {
	_, _, err := answers(t.Survey, nil)
	return err
}
