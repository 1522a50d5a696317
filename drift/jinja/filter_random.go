package jinja

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Filters of chance.
func init() {
	filters.add("random", "end start=None step=None seed=None", filterRandom)
	filters.add("shuffle", "mylist seed=None", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil {
			return nil, err
		}
		seed := c.args[1]
		if u, ok := seed.(py.Undefined); ok && !u.Soft {
			return c.list(slices.Clone(items)) // Ansible's filter lets such failures pass
		}
		if !py.Truth(seed) {
			seed = nil
		}
		t, err := newTwister(seed)
		if err != nil {
			return nil, err
		}
		out := slices.Clone(items)
		for i := len(out) - 1; i > 0; i-- {
			j, err := t.below(int64(i + 1))
			if err != nil {
				return nil, err
			}
			out[i], out[j] = out[j], out[i]
		}
		return c.list(out)
	})
	filters.add("random_mac", "value seed=None", func(c *call) (any, error) {
		value, err := c.text(0)
		if err != nil {
			return nil, filterErrorf("Invalid value type (%s) for random_mac (%s)", class2(c.args[0]), py.Str(c.args[0]))
		}
		parts := strings.Split(strings.ToLower(value), ":")
		for _, p := range parts {
			if len(p) != 2 || strings.Trim(p, "0123456789abcdef") != "" {
				return nil, filterErrorf("Invalid value (%s) for random_mac: %s not hexa byte", value, p)
			}
		}
		if len(parts) > 5 {
			return nil, filterErrorf("Invalid value (%s) for random_mac: 5 colon(:) separated items max", value)
		}
		t, err := newTwister(c.args[1])
		if err != nil {
			return nil, err
		}
		width := int64(1) << (8 * (6 - len(parts)))
		v, err := t.below(width - width/16)
		if err != nil {
			return nil, err
		}
		digits := fmt.Sprintf("%0*x", 2*(6-len(parts)), v+width/16)
		for i := 0; i < len(digits); i += 2 {
			parts = append(parts, digits[i:i+2])
		}
		return strings.Join(parts, ":"), nil
	})
}

func filterRandom(c *call) (any, error) {
	t, err := newTwister(c.args[3])
	if err != nil {
		return nil, err
	}
	if end, _, _, kind := py.Number(c.args[0]); kind == py.IsInt {
		var start, step int64 = 0, 1
		for i, to := range []*int64{&start, &step} {
			if py.Truth(c.args[1+i]) {
				n, err := c.int(1 + i)
				if err != nil {
					return nil, err
				}
				*to = int64(n)
			}
		}
		if end > math.MaxInt32*int64(1<<20) || end < math.MinInt32*int64(1<<20) {
			return nil, valueErrorf("%d is out of the range of random", end)
		}
		width := end - start
		n := width
		if step > 1 {
			n = (width + step - 1) / step
		} else if step < 0 {
			n = (width + step + 1) / step
		}
		if n <= 0 {
			return nil, valueErrorf("empty range for randrange() (%d, %d, %d)", start, end, width)
		}
		v, err := t.below(n)
		return start + step*v, err
	}
	if py.Truth(c.args[1]) || py.Truth(c.args[2]) {
		return nil, filterErrorf("start and step can only be used with integer values")
	}
	items, err := c.r.items(c.args[0])
	if err != nil {
		return nil, filterErrorf("random can only be used on sequences and integers")
	}
	if len(items) == 0 {
		return nil, &indexError{"Cannot choose from an empty sequence"}
	}
	i, err := t.below(int64(len(items)))
	if err != nil {
		return nil, err
	}
	return items[i], nil
}
