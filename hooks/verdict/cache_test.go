package verdict

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestWhatIsGoodIsKnownToTheNextProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "verdicts")
	c := Open(dir)
	if c.Has(Of("a", "b")) {
		t.Fatal("an empty cache knows something")
	}
	c.Add(Of("a", "b"))
	if Open(dir).Has(Of("a", "b")) {
		t.Error("it is known before it was written")
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	next := Open(dir)
	if !next.Has(Of("a", "b")) || next.Has(Of("ab")) || next.Has(Of("ab", "")) {
		t.Error("the next process does not know that, or knows more")
	}
	var none *Cache
	none.Add(Of("a"))
	if none.Has(Of("a")) || none.Flush() != nil {
		t.Error("no cache knows something")
	}
}

func TestAKeyThatWasWrittenInPartIsForgotten(t *testing.T) {
	dir := t.TempDir()
	c := Open(dir)
	k := Of("whole")
	c.Add(k)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(c.path(k[0]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("half"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	other := k
	other[15]++
	c = Open(dir)
	c.Add(other)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if last := Open(dir); !last.Has(k) || !last.Has(other) {
		t.Error("a torn key has moved those after it")
	}
}

func TestAFullCacheForgetsTheOldestAndStaysSmall(t *testing.T) {
	dir := t.TempDir()
	key := func(i int) Key {
		k := Of(fmt.Sprint(i))
		k[0] = 7
		return k
	}
	for round := range 5 {
		c := Open(dir)
		for i := range 1000 {
			c.Add(key(round*1000 + i))
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	c := Open(dir)
	if c.Has(key(0)) || !c.Has(key(4999)) || !c.Has(key(3000)) {
		t.Errorf("known are the first %v, the last %v, one before %v", c.Has(key(0)), c.Has(key(4999)), c.Has(key(3000)))
	}
	info, err := os.Stat(c.path(7))
	if err != nil || info.Size() > int64(perBucket*keySize) {
		t.Errorf("the file has %d bytes (%v)", info.Size(), err)
	}
}

func TestManyWriteAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			c := Open(dir)
			for i := range 300 {
				c.Add(Of(fmt.Sprint(w, i)))
			}
			if err := c.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c := Open(dir)
	for w := range 8 {
		for i := range 300 {
			if !c.Has(Of(fmt.Sprint(w, i))) {
				t.Fatalf("what %d wrote as number %d is gone", w, i)
			}
		}
	}
}
