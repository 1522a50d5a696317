package module

import (
	"fmt"
	"strings"
	"time"
)

// strptimeLayouts are the directives of Python's time.strptime that dates of files are written with, as Go's layouts.
var strptimeLayouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'b': "Jan", 'B': "January",
	'a': "Mon", 'A': "Monday", 'j': "002", 'z': "-0700", 'Z': "MST", '%': "%",
}

// strptime reads a local time with Python's format.
func strptime(value, format string) (time.Time, error) {
	var layout strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			layout.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) {
			return time.Time{}, fmt.Errorf("stray %% in format '%s'", format)
		}
		part, ok := strptimeLayouts[format[i]]
		if !ok {
			return time.Time{}, fmt.Errorf("'%c' is a bad directive in format '%s'", format[i], format)
		}
		layout.WriteString(part)
	}
	at, err := time.ParseInLocation(layout.String(), value, time.Local)
	if err != nil {
		return time.Time{}, fmt.Errorf("time data '%s' does not match format '%s'", value, format)
	}
	return at, nil
}
