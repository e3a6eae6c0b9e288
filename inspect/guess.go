package inspect

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Guess is where a base may end, by the look of the history alone. It is no base: it
// has no name, and nothing was compared.
type Guess struct {
	Part                // the layers that may be the base's
	Sure    Certainty   `json:"sure"`    // Likely
	Reasons []GuessSign `json:"reasons"` // the strongest first
}

// GuessSign is something in a history that looks like the seam between a base and
// what was built on it.
type GuessSign struct {
	Code   SignCode `json:"code"`
	Detail string   `json:"detail"` // a name, a span of time, a step; as the image has it
}

// SignCode names a kind of GuessSign.
type SignCode string

// The signs, the strongest first.
const (
	SignFrom    SignCode = "from"    // the step names the image that it starts from
	SignGap     SignCode = "gap"     // much time passed between two steps
	SignBuilder SignCode = "builder" // another program made what follows
	SignCommand SignCode = "command" // a command was set, as an image's last step does, and layers follow
	SignRoot    SignCode = "root"    // the lowest layer is a whole root file system
)

// weight makes what two weak signs say weigh no more than a strong one.
var weight = map[SignCode]int{SignFrom: 16, SignGap: 8, SignBuilder: 4, SignCommand: 2, SignRoot: 1}

// gap is how long one build hardly pauses.
const gap = time.Hour

// GuessBase guesses where an image's base ends: where the most speaks for it, and of
// two such places, at the higher one. It returns nil where nothing does, or where the
// history is not that of the layers.
func GuessBase(history []v1.History, layers int) *Guess {
	if !ReadHistory(history, layers).Matches() {
		return nil
	}
	var best *Guess
	most, below := 0, 0
	for i, h := range history {
		if below > 0 && below < layers {
			signs := signsAt(history, i, below)
			sum := clarity(signs)
			if sum > 0 && sum >= most {
				best, most = &Guess{Part: Part{Layers: below}, Sure: Likely, Reasons: signs}, sum
			}
		}
		if !h.EmptyLayer {
			below++
		}
	}
	return best
}

// clarity is how clear signs are. A gap after a command is clear enough: where there are
// several, each is the end of another base. So is a step that names its image.
func clarity(signs []GuessSign) int {
	sum := 0
	for _, s := range signs {
		sum += weight[s.Code]
	}
	for _, enough := range []int{weight[SignFrom], weight[SignGap] + weight[SignCommand]} {
		if sum >= enough {
			return enough
		}
	}
	return sum
}

// signsAt looks for a seam just before a step, which has a number of layers below.
func signsAt(history []v1.History, i, below int) []GuessSign {
	before, at := history[i-1], history[i]
	var signs []GuessSign
	if name := fromName(at.Comment); name != "" {
		signs = append(signs, GuessSign{SignFrom, name})
	}
	if pause := at.Created.Sub(before.Created.Time); isDate(before) && isDate(at) && pause >= gap {
		signs = append(signs, GuessSign{SignGap, pause.Round(time.Minute).String()})
	}
	if a, b := builder(before), builder(at); a != b {
		signs = append(signs, GuessSign{SignBuilder, fmt.Sprintf("%s, then %s", a, b)})
	}
	if isCommand(before) && !isCommand(at) {
		signs = append(signs, GuessSign{SignCommand, ShortStep(before.CreatedBy, before.Comment)})
	}
	if below == 1 && !before.EmptyLayer && rootStep().MatchString(before.CreatedBy) {
		signs = append(signs, GuessSign{SignRoot, ShortStep(before.CreatedBy, before.Comment)})
	}
	return signs
}

// isDate leaves out what builders write for no time.
func isDate(h v1.History) bool { return h.Created.Year() > 1980 }

func builder(h v1.History) string {
	switch {
	case strings.HasPrefix(h.Comment, "buildkit."):
		return "buildkit"
	case strings.HasPrefix(h.Comment, "FROM "):
		return "buildah"
	case strings.HasPrefix(h.Comment, "debuerreotype"), strings.HasPrefix(h.CreatedBy, "# debian.sh"):
		return "debuerreotype"
	case strings.HasPrefix(h.CreatedBy, "bazel "), strings.HasPrefix(h.CreatedBy, "kaniko"), strings.HasPrefix(h.CreatedBy, "apko"):
		return strings.Fields(h.CreatedBy)[0]
	}
	return "another"
}

// A base's last step sets a command or an entrypoint, the two in any order.
func isCommand(h v1.History) bool { return h.EmptyLayer && commandStep().MatchString(h.CreatedBy) }

var (
	commandStep = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(/bin/sh -c #\(nop\)\s+)?(CMD|ENTRYPOINT)\s`)
	})
	rootStep = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(/bin/sh -c #\(nop\)\s+)?ADD (file|multi):?\S* in /\s*$|^ADD \S+ /( # buildkit)?$|^# debian\.sh`)
	})
)
