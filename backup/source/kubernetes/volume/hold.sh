# Holds an application: runs $1, says "held", waits until its standard input has a line or ends, for $3 seconds at most, and runs $2 whatever happened. It needs nobody
# outside to let the application go: when the one who asked dies the input ends, and when that goes unnoticed the time does. What lets go is a child, for runtimes that kill
# only the command itself.
before=$1 after=$2 within=$3
exec 3<&0
(
	trap '' HUP INT PIPE
	sh -c "$before" </dev/null >&2 3<&- &
	work=$!
	(
		sleep "$within"
		kill -9 "$work"
	) </dev/null >/dev/null 2>&1 3<&- &
	guard=$!
	wait "$work"
	code=$?
	kill "$guard" 2>/dev/null
	why=failed
	if [ "$code" = 0 ]; then
		sleep "$within" </dev/null >/dev/null 2>&1 3<&- &
		clock=$!
		(
			read -r line <&3
			kill "$clock"
		) </dev/null >/dev/null 2>&1 &
		ear=$!
		echo held
		why=late
		wait "$clock" || why=asked
		kill "$ear" 2>/dev/null
	fi
	said=$(sh -c "$after" </dev/null 2>&1 3<&-)
	end=$?
	[ "$end" = 0 ] || printf '%s\n' "$said" >&2
	echo "free $why $code $end"
) &
wait "$!"
