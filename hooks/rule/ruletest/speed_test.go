package ruletest

import (
	"fmt"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
)

// common are the seven rules that most repositories have.
var common = []string{"trailing-whitespace", "end-of-file", "conflict-markers", "large-files", "json", "yaml", "private-key"}

// thousands are files as repositories have them: mostly source, some of the formats with a syntax, about 4 KiB each.
func thousands(n int) []*rule.File {
	source := strings.Repeat("def handle(request, response):\n    value = request.get('key', None)  # as sent\n    return response.write(value)\n", 34)
	data := "{\n" + strings.Repeat("  \"key%d\": [1, 2.5, \"text\", {\"a\": true}],\n", 90) + "  \"end\": null\n}\n"
	config := strings.Repeat("name%d:\n  image: registry.example.org/app:v1\n  ports: [80, 443]\n  env:\n    KEY: value\n", 45)
	files := make([]*rule.File, n)
	for i := range files {
		switch i % 10 {
		case 0:
			files[i] = File(fmt.Sprintf("data/%d.json", i), rule.Regular, numbered(data))
		case 1:
			files[i] = File(fmt.Sprintf("deploy/%d.yaml", i), rule.Regular, numbered(config))
		default:
			files[i] = File(fmt.Sprintf("src/%d.py", i), rule.Regular, source)
		}
	}
	return files
}

// numbered makes keys different by putting a number for each %d.
func numbered(text string) string {
	numbers := make([]any, strings.Count(text, "%d"))
	for i := range numbers {
		numbers[i] = i
	}
	return fmt.Sprintf(text, numbers...)
}

// BenchmarkSevenRulesOver5000Files is one judgement of 5,000 files of 4 KiB in memory on one core, building the rules included.
func BenchmarkSevenRulesOver5000Files(b *testing.B) {
	change := Change(thousands(5000)...)
	var bytes int64
	for _, f := range change.Files {
		bytes += f.Size
	}
	b.SetBytes(bytes)
	for b.Loop() {
		for _, kind := range common {
			if found := Judge(b, New(b, kind, ""), change); len(found) > 0 {
				b.Fatal(found[0])
			}
		}
	}
}

// BenchmarkEachRule is each of them alone, over 500 files.
func BenchmarkEachRule(b *testing.B) {
	change := Change(thousands(500)...)
	for _, m := range append(members, sources...) {
		b.Run(m.Kind, func(b *testing.B) {
			built := New(b, m.Kind, m.Options)
			for b.Loop() {
				Judge(b, built, change)
			}
		})
	}
}
