package source

import (
	"fmt"
	"time"
)

// Progress says in words how far work is: how much of how much, how fast, and how long it takes yet where the whole is known (total above 0). About says that the whole
// is an estimate.
func Progress(began, now time.Time, files, bytes, total int64, about bool) string {
	took := now.Sub(began).Seconds()
	text := size(bytes)
	if total > 0 {
		of := " of "
		if about {
			of = " of about "
		}
		text += of + size(total)
	}
	if files > 0 {
		text = fmt.Sprintf("%d files, %s", files, text)
	}
	if took < 1 || bytes == 0 {
		return text
	}
	rate := float64(bytes) / took
	text += fmt.Sprintf(", %s/s", size(int64(rate)))
	if left := total - bytes; total > 0 && left > 0 {
		text += fmt.Sprintf(", %s left", (time.Duration(float64(left)/rate*1e9) + time.Second/2).Truncate(time.Second))
	}
	return text
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
