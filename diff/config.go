package diff

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ConfigChange is something of the images' configuration that differs.
type ConfigChange struct {
	// Field is "env", "label", "port", "volume", "entrypoint", "cmd", "user", "workdir",
	// "stopsignal", "healthcheck", "shell", "onbuild", "platform", "author" or "history".
	Field string `json:"field"`
	// Key is which one, where there are several: a variable, a label, a port, a volume,
	// a step of the history that made no layer.
	Key  string `json:"key,omitempty"`
	Kind Kind   `json:"kind"` // Added, Deleted or Modified
	// Old and New are the values; lists are in JSON. They are absent where there is
	// none, and of what is only there or not.
	Old *string `json:"old,omitempty"`
	New *string `json:"new,omitempty"`
	// Hidden says that the values look like secrets, and are left out.
	Hidden bool `json:"hidden,omitempty"`
}

// config compares what has a meaning for a container, and the steps that made no layer.
// Where order means nothing, it does not count.
func (c *comparison) config() []ConfigChange {
	changes := []ConfigChange{}
	if c.old.Config == nil || c.new.Config == nil {
		return changes
	}
	old, new := &c.old.Config.Config, &c.new.Config.Config
	add := func(field string, values func(*v1.Config) map[string]string) {
		changes = append(changes, changedValues(field, values(old), values(new))...)
	}
	add("entrypoint", func(c *v1.Config) map[string]string { return list(c.Entrypoint) })
	add("cmd", func(c *v1.Config) map[string]string { return list(c.Cmd) })
	add("user", func(c *v1.Config) map[string]string { return single(c.User) })
	add("workdir", func(c *v1.Config) map[string]string { return single(c.WorkingDir) })
	add("env", environment)
	if !c.o.ShowEnv {
		hideSecrets(changes)
	}
	add("port", func(c *v1.Config) map[string]string { return members(c.ExposedPorts) })
	add("volume", func(c *v1.Config) map[string]string { return members(c.Volumes) })
	add("label", func(c *v1.Config) map[string]string { return c.Labels })
	add("stopsignal", func(c *v1.Config) map[string]string { return single(c.StopSignal) })
	add("healthcheck", func(c *v1.Config) map[string]string { return encoded(c.Healthcheck) })
	add("shell", func(c *v1.Config) map[string]string { return list(c.Shell) })
	add("onbuild", func(c *v1.Config) map[string]string { return list(c.OnBuild) })
	changes = append(changes, changedValues("platform", single(c.old.Platform), single(c.new.Platform))...)
	changes = append(changes, changedValues("author", single(c.old.Config.Author), single(c.new.Config.Author))...)
	steps := changedSteps(emptySteps(c.old.Config), emptySteps(c.new.Config))
	if !c.o.ShowEnv {
		maskSteps(steps)
	}
	return append(changes, steps...)
}

func single(value string) map[string]string {
	if value == "" {
		return nil
	}
	return map[string]string{"": value}
}

func list(values []string) map[string]string {
	if values == nil {
		return nil
	}
	return encoded(&values)
}

func encoded[T any](value *T) map[string]string {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil { // strings and numbers always have a form
		return nil
	}
	return single(string(text))
}

func members(set map[string]struct{}) map[string]string {
	values := map[string]string{}
	for key := range set {
		values[key] = ""
	}
	return values
}

// environment has of a variable that is set twice the value that counts: the last.
func environment(c *v1.Config) map[string]string {
	values := map[string]string{}
	for _, variable := range c.Env {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	return values
}

// changedValues compares by key, in the order of the keys.
func changedValues(field string, old, new map[string]string) (changes []ConfigChange) {
	keys := slices.Concat(slices.Collect(maps.Keys(old)), slices.Collect(maps.Keys(new)))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		before, had := old[key]
		after, has := new[key]
		c := ConfigChange{Field: field, Key: key, Kind: Modified}
		switch {
		case had && has && before == after:
			continue
		case !had:
			c.Kind = Added
		case !has:
			c.Kind = Deleted
		}
		if field != "port" && field != "volume" {
			if had {
				c.Old = &before
			}
			if has {
				c.New = &after
			}
		}
		changes = append(changes, c)
	}
	return changes
}

// emptySteps are the steps that made no layer. Those that did are told of with the layers.
func emptySteps(c *v1.ConfigFile) (steps []string) {
	for _, h := range c.History {
		if h.EmptyLayer {
			steps = append(steps, h.CreatedBy)
		}
	}
	return steps
}

// changedSteps tells which steps are in one history only, as often as they come.
func changedSteps(old, new []string) (changes []ConfigChange) {
	left := map[string]int{}
	for _, s := range new {
		left[s]++
	}
	only := func(steps []string, kind Kind) {
		for _, s := range steps {
			if left[s] > 0 {
				left[s]--
				continue
			}
			changes = append(changes, ConfigChange{Field: "history", Key: s, Kind: kind})
		}
	}
	only(old, Deleted)
	clear(left)
	for _, s := range old {
		left[s]++
	}
	only(new, Added)
	return changes
}
