package weir

import (
	"fmt"

	"weir/internal/host"
)

// Definition is an action: its name, the event kinds it listens to, and its function. [Action] makes it.
type Definition struct {
	name  string
	kinds []string
	run   func(*Context) error
}

// Kinds are event kinds, as [On] has them.
type Kinds []string

// On says which event kinds an action listens to. An input event is of kind input, or what the manifest's source.kind
// finds in it.
func On(kinds ...string) Kinds { return kinds }

// Action defines an action. Its name is the same over all releases: Weir knows by it what has been done.
// The event's payload is read as JSON into a T; [encoding/json.RawMessage] gives the text as it is.
func Action[T any](name string, kinds Kinds, run func(*Context, T) error) Definition {
	return Definition{name, kinds, func(ctx *Context) error {
		var payload T
		if err := decode(ctx.event.Payload, &payload); err != nil {
			return Fatal("payload", fmt.Sprintf("the payload of this `%s` event is no %T: %v", ctx.event.Kind, payload, err))
		}
		return run(ctx, payload)
	}}
}

var exported []Definition

// Export lists the actions of a component, in the order in which events are given to them. Call it in func init, for a
// component has no main. It panics if two actions have one name.
func Export(actions ...Definition) {
	for _, action := range actions {
		if action.name == "" || len(action.kinds) == 0 {
			panic(fmt.Sprintf("weir: action %q needs a name and at least one kind of events: weir.On(\"input\")", action.name))
		}
		if find(action.name) != nil {
			panic(fmt.Sprintf("weir: two actions have the name %q: give one another name", action.name))
		}
		exported = append(exported, action)
	}
}

func find(name string) *Definition {
	for i := range exported {
		if exported[i].name == name {
			return &exported[i]
		}
	}
	return nil
}

func init() {
	host.Describe = describe
	host.Invoke = invoke
	host.Lift = lift
}

func describe() string {
	type action struct {
		Name      string   `json:"name"`
		ListensTo []string `json:"listens_to"`
	}
	description := struct {
		SDK     string   `json:"sdk"`
		Actions []action `json:"actions"`
	}{"go " + Version, []action{}}
	for _, definition := range exported {
		description.Actions = append(description.Actions, action{definition.name, definition.kinds})
	}
	text, err := encode(description)
	if err != nil {
		panic(err) // Strings are JSON.
	}
	return text
}

func invoke(h host.Host, name string, event host.Event) *host.Failure {
	definition := find(name)
	if definition == nil {
		return Fatal("unknown-action", fmt.Sprintf("this component has no action `%s`", name)).lower()
	}
	return failureOf(definition.run(&Context{host: h, event: event})).lower()
}
