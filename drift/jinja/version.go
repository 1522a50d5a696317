package jinja

import (
	"regexp"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	tests.add("version|version_compare", "value version operator='eq' strict=None version_type=None", testVersion)
}

var versionOps = map[string]string{
	"==": "==", "=": "==", "eq": "==", "<": "<", "lt": "<", "<=": "<=", "le": "<=", ">": ">", "gt": ">", ">=": ">=", "ge": ">=",
	"!=": "!=", "<>": "!=", "ne": "!=",
}

func testVersion(c *call) (any, error) {
	if c.args[3] != nil && c.args[4] != nil {
		return nil, filterErrorf("Cannot specify both 'strict' and 'version_type'")
	}
	for i, what := range []string{"Input version value", "Version parameter to compare against"} {
		ok, err := c.bool(i)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, filterErrorf("%s cannot be empty", what)
		}
	}
	kind := "loose"
	if c.args[4] != nil {
		kind = py.Str(c.args[4])
	} else if py.Truth(c.args[3]) {
		kind = "strict"
	}
	keyOf, ok := versionKinds[kind]
	if !ok {
		return nil, filterErrorf("Invalid version type (%s). Must be one of 'loose', 'strict', 'semver', 'semantic', 'pep440'", kind)
	}
	op, ok := versionOps[py.Str(c.args[2])]
	if !ok {
		return nil, filterErrorf("Invalid operator type (%s). Must be one of '==', '=', 'eq', '<', 'lt', '<=', 'le', '>', 'gt', '>=', 'ge', '!=', '<>', 'ne'", py.Str(c.args[2]))
	}
	var keys [2]any
	for i := range keys {
		text, err := c.str(i)
		if err != nil {
			return nil, err
		}
		if keys[i], err = keyOf(text); err != nil {
			return nil, filterErrorf("Version comparison failed: %v", err)
		}
	}
	result, err := c.r.compare(op, keys[0], keys[1])
	if err != nil {
		return nil, filterErrorf("Version comparison failed: %v", err)
	}
	return result, nil
}

var versionKinds = map[string]func(text string) (any, error){
	"loose": looseVersion, "strict": strictVersion, "semver": semanticVersion, "semantic": semanticVersion, "pep440": pep440,
}

var (
	looseParts  = regexp.MustCompile(`\d+|[a-z]+|\.`)
	strictForm  = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?$`)
	semverForm  = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)
	pep440Form  = regexp.MustCompile(`^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d+)?)?(?:-(\d+)|[-_.]?(?:post|rev|r)[-_.]?(\d+)?)?([-_.]?dev[-_.]?(\d+)?)?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$`)
	pep440Posts = regexp.MustCompile(`[-_.]?(post|rev|r)[-_.]?\d*|-\d+`)
)

// looseVersion is a list of numbers and words.
func looseVersion(text string) (any, error) {
	list := py.NewList()
	last := 0
	word := func(s string) {
		if s != "" && s != "." {
			list.Items = append(list.Items, s)
		}
	}
	for _, at := range looseParts.FindAllStringIndex(text, -1) {
		word(text[last:at[0]])
		part := text[at[0]:at[1]]
		last = at[1]
		if v, ok := parseInt(part, 10); ok {
			list.Items = append(list.Items, v)
		} else {
			word(part)
		}
	}
	word(text[last:])
	return list, nil
}

func number(text string) any {
	v, ok := parseInt(text, 10)
	if !ok {
		return int64(0)
	}
	return v
}

func strictVersion(text string) (any, error) {
	m := strictForm.FindStringSubmatch(text)
	if m == nil {
		return nil, valueErrorf("invalid version number '%s'", text)
	}
	pre := py.Tuple{"z", int64(0)}
	if m[4] != "" {
		pre = py.Tuple{m[4], number(m[5])}
	}
	return py.Tuple{number(m[1]), number(m[2]), number(m[3]), pre}, nil
}

func semanticVersion(text string) (any, error) {
	m := semverForm.FindStringSubmatch(text)
	if m == nil {
		return nil, valueErrorf("invalid semantic version '%s'", text)
	}
	pre := py.Tuple{int64(1)} // a release is after its prereleases
	if m[4] != "" {
		pre = py.Tuple{int64(0)}
		for _, part := range strings.Split(m[4], ".") {
			if _, err := strconv.Atoi(part); err == nil {
				pre = append(pre, py.Tuple{int64(0), number(part)})
			} else {
				pre = append(pre, py.Tuple{int64(1), part})
			}
		}
	}
	return py.Tuple{number(m[1]), number(m[2]), number(m[3]), pre}, nil
}

// pep440 orders as Python's packaging does: dev, pre, release, post.
func pep440(text string) (any, error) {
	m := pep440Form.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return nil, valueErrorf("Invalid version: '%s'", text)
	}
	release := py.Tuple{}
	for _, part := range strings.Split(m[2], ".") {
		release = append(release, number(part))
	}
	for len(release) > 1 && py.Equal(release[len(release)-1], int64(0)) {
		release = release[:len(release)-1]
	}
	lower := strings.ToLower(strings.TrimSpace(text))
	hasDev := m[7] != ""
	hasPost := m[5] != "" || m[6] != "" || pep440Posts.MatchString(strings.Split(lower, "+")[0])
	hasPost = hasPost && (m[5] != "" || strings.Contains(lower, "post") || strings.Contains(lower, "rev") || regexp.MustCompile(`[0-9][-_.]?r[-_.]?\d`).MatchString(lower))
	var pre any = py.Tuple{"z"} // after all prereleases
	switch {
	case m[3] != "":
		letter := map[string]string{"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}[m[3]]
		if letter == "" {
			letter = m[3]
		}
		pre = py.Tuple{letter, number(m[4])}
	case hasDev && !hasPost:
		pre = py.Tuple{""}
	}
	post, dev := any(int64(-1)), any(py.Tuple{int64(1)})
	if hasPost {
		post = number(m[5] + m[6])
	}
	if hasDev {
		dev = py.Tuple{int64(0), number(m[8])}
	}
	local := py.Tuple{}
	if m[9] != "" {
		for _, part := range regexp.MustCompile(`[-_.]`).Split(m[9], -1) {
			if _, err := strconv.Atoi(part); err == nil {
				local = append(local, py.Tuple{int64(1), number(part), ""})
			} else {
				local = append(local, py.Tuple{int64(0), int64(0), part})
			}
		}
	}
	return py.Tuple{number(m[1]), release, pre, post, dev, local}, nil
}
