package engine

import (
	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/drift/playbook"
)

// phase is where in a block a host is.
type phase int

const (
	setup phase = iota
	inTasks
	inRescue
	inAlways
	inHandlers
	complete
)

// failure says in which phases a host has failed.
type failure int

const (
	failedSetup failure = 1 << iota
	failedTasks
	failedRescue
	failedAlways
	failedHandlers
)

// state is how far one host is. A block inside a block has a state of its own below.
type state struct {
	blocks    []*playbook.Block
	handlers  []*playbook.Task
	block     int // of blocks
	task      [4]int
	handlerAt int
	phase     phase
	before    phase // before handlers were flushed
	failed    failure
	pending   bool // the setup task is out
	renew     bool // handlers are listed again at the next flush
	rescued   bool
	started   bool // by --start-at-task
	child     *state
}

func newState(blocks []*playbook.Block) *state { return &state{blocks: blocks, renew: true} }

func (s *state) copy() *state {
	c := *s
	if s.child != nil {
		c.child = s.child.copy()
	}
	return &c
}

// list is the tasks of a block in the state's phase.
func list(b *playbook.Block, p phase) []playbook.Item {
	switch p {
	case inTasks:
		return b.Body
	case inRescue:
		return b.Rescue
	}
	return b.Always
}

// iterator walks every host through a play.
type iterator struct {
	blocks   []*playbook.Block // the first is for gathering facts
	all      []*playbook.Task  // all tasks in a row, for the lockstep
	cur      int
	handlers func() []*playbook.Task
	notified func(h *inventory.Host, handler *playbook.Task) bool
	gathers  func(h *inventory.Host) bool
	states   map[*inventory.Host]*state
	size     int
	endPlay  bool
}

func (it *iterator) state(h *inventory.Host) *state {
	s := it.states[h]
	if s == nil {
		s = newState(nil)
		it.states[h] = s
	}
	return s
}

// peek gives the next task of a host and the state after it, without going there.
func (it *iterator) peek(h *inventory.Host) (*state, *playbook.Task) {
	s := it.state(h).copy()
	if s.phase == complete {
		return s, nil
	}
	return s, it.next(s, h)
}

// next moves a state to its next task.
func (it *iterator) next(s *state, h *inventory.Host) *playbook.Task {
	for {
		if s.block >= len(s.blocks) {
			s.phase = complete
			return nil
		}
		var t *playbook.Task
		switch s.phase {
		case setup:
			t = it.setup(s, h)
		case inTasks, inRescue, inAlways:
			var again bool
			if t, again = it.inBlock(s, h); again {
				continue
			}
		case inHandlers:
			t = it.handler(s, h)
		case complete:
			return nil
		}
		if t != nil {
			return t
		}
	}
}

func (it *iterator) setup(s *state, h *inventory.Host) *playbook.Task {
	if !s.pending {
		s.pending = true
		if it.gathers(h) && len(s.blocks[0].Body) > 0 {
			return s.blocks[0].Body[0].(*playbook.Task)
		}
		return nil
	}
	s.pending = false
	s.phase = inTasks
	if !s.started {
		s.block++
		s.task = [4]int{}
		s.child = nil
	}
	return nil
}

// inBlock takes the next task of tasks, rescue or always; again is true where the state has to be looked at anew.
func (it *iterator) inBlock(s *state, h *inventory.Host) (t *playbook.Task, again bool) {
	if s.phase == inTasks {
		s.pending = false
	}
	if s.child != nil {
		t = it.next(s.child, h)
		if hasFailed(s.child) {
			s.child = nil
			setFailed(s)
			return t, false
		}
		if t == nil || s.child.phase == complete {
			s.child = nil
			return nil, true
		}
		return t, false
	}
	b := s.blocks[s.block]
	items := list(b, s.phase)
	switch {
	case s.phase == inTasks && hasFailed(s):
		s.phase = inRescue
	case s.phase == inRescue && s.failed&failedRescue != 0:
		s.phase = inAlways
	case s.task[s.phase] < len(items):
		item := items[s.task[s.phase]]
		s.task[s.phase]++
		if inner, ok := item.(*playbook.Block); ok {
			s.child = newState([]*playbook.Block{inner})
			s.child.phase = inTasks
			return nil, false
		}
		return item.(*playbook.Task), false
	default:
		it.leave(s, b)
	}
	return nil, false
}

// leave goes from the end of a phase to the next one.
func (it *iterator) leave(s *state, b *playbook.Block) {
	switch s.phase {
	case inTasks:
		s.phase = inAlways
	case inRescue:
		if len(b.Rescue) > 0 {
			s.failed = 0
		}
		s.phase = inAlways
		s.rescued = true
	default:
		if s.failed != 0 {
			s.phase = complete
			return
		}
		s.block++
		s.task = [4]int{}
		s.phase = inTasks
		s.child = nil
		s.rescued = false
	}
}

func (it *iterator) handler(s *state, h *inventory.Host) *playbook.Task {
	if s.renew {
		s.handlers = append([]*playbook.Task{}, it.handlers()...)
		s.renew = false
		s.handlerAt = 0
	}
	if s.failed&failedHandlers != 0 {
		s.renew = true
		s.phase = complete
		return nil
	}
	for s.handlerAt < len(s.handlers) {
		t := s.handlers[s.handlerAt]
		s.handlerAt++
		if it.notified(h, t) {
			return t
		}
	}
	s.phase = s.before
	s.renew = true
	return nil
}

// setFailed puts a state to where a failure leads.
func setFailed(s *state) {
	after := func(bit failure) {
		s.failed |= bit
		b := s.blocks[s.block]
		switch {
		case s.phase != inRescue && len(b.Rescue) > 0:
			s.phase = inRescue
		case len(b.Always) > 0:
			s.phase = inAlways
		default:
			s.phase = complete
		}
	}
	if s.block >= len(s.blocks) {
		s.failed |= failedTasks
		s.phase = complete
		return
	}
	switch s.phase {
	case setup:
		s.failed |= failedSetup
		s.phase = complete
	case inTasks, inRescue, inAlways:
		if s.child != nil {
			setFailed(s.child)
			return
		}
		switch s.phase {
		case inTasks:
			after(failedTasks)
		case inRescue:
			after(failedRescue)
		default:
			s.failed |= failedAlways
			s.phase = complete
		}
	case inHandlers:
		s.renew = true
		s.child = nil
		after(failedHandlers)
	}
}

// hasFailed says whether a state counts as failed now.
func hasFailed(s *state) bool {
	switch {
	case s == nil:
		return false
	case (s.phase == inRescue || s.phase == inAlways) && hasFailed(s.child):
		return true
	case s.phase == inHandlers && s.failed&failedHandlers != 0:
		return true
	case s.failed != 0:
		if s.phase == inRescue && s.failed&failedRescue == 0 || s.phase == inAlways && s.failed&failedAlways == 0 {
			return false
		}
		return !(s.rescued && s.failed&failedAlways == 0)
	case s.phase == inTasks && hasFailed(s.child):
		return !(len(s.blocks[s.block].Rescue) > 0 && s.failed&failedRescue == 0)
	}
	return false
}

// active is the innermost state.
func active(s *state) *state {
	for s.child != nil && s.phase >= inTasks && s.phase <= inAlways {
		s = s.child
	}
	return s
}

// rescuing says whether a failure now would be rescued somewhere.
func rescuing(s *state) bool {
	if s.phase == inTasks && s.block < len(s.blocks) && len(s.blocks[s.block].Rescue) > 0 {
		return true
	}
	return s.child != nil && rescuing(s.child)
}

func clearErrors(s *state) {
	for ; s != nil; s = s.child {
		s.failed = 0
	}
}

// insert puts included blocks behind the task that a host has done last.
func insert(s *state, blocks []*playbook.Block) {
	if s.failed != 0 && s.phase == inTasks || len(blocks) == 0 || s.phase == complete {
		return
	}
	if s.phase == inHandlers {
		var tasks []*playbook.Task
		for _, b := range blocks {
			tasks = append(tasks, playbook.Tasks([]*playbook.Block{b})...)
		}
		s.handlers = append(append(append([]*playbook.Task{}, s.handlers[:s.handlerAt]...), tasks...), s.handlers[s.handlerAt:]...)
		return
	}
	if s.child != nil {
		insert(s.child, blocks)
		return
	}
	if s.phase < inTasks || s.block >= len(s.blocks) {
		return
	}
	b := *s.blocks[s.block]
	items := list(&b, s.phase)
	at := s.task[s.phase]
	grown := append([]playbook.Item{}, items[:at]...)
	for _, more := range blocks {
		grown = append(grown, more)
	}
	grown = append(grown, items[at:]...)
	switch s.phase {
	case inTasks:
		b.Body = grown
	case inRescue:
		b.Rescue = grown
	default:
		b.Always = grown
	}
	s.blocks = append([]*playbook.Block{}, s.blocks...)
	s.blocks[s.block] = &b
}
