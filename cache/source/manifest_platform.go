package source

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var (
	platformPart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]+$`) })
	variantLevel = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v[0-9]+$`) })
)

// ParsePlatform reads "os/arch", "os/arch/variant", or an os or an architecture
// alone, which is completed by this host's architecture or by linux. Other usual
// names are understood: "x86_64", "aarch64", "armhf". The result is normal: arm64
// and amd64 have no variant for their first level, arm has one always.
func ParsePlatform(s string) (v1.Platform, error) {
	text, version, _ := strings.Cut(s, ":")
	parts := strings.Split(text, "/")
	for _, p := range parts {
		if !platformPart().MatchString(p) || len(parts) > 3 {
			return v1.Platform{}, fmt.Errorf("%q is not a platform: it is written os/arch or os/arch/variant, such as linux/arm64", s)
		}
	}
	p := v1.Platform{OS: parts[0], OSVersion: version}
	if len(parts) > 1 {
		p.Architecture = parts[1]
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	return complete(p), nil
}

// complete fills what a platform leaves open and normalizes the rest.
func complete(p v1.Platform) v1.Platform {
	p = normalize(p)
	if p.Architecture == "" && isArchitecture(p.OS) {
		p.OS, p.Architecture = "linux", p.OS
	}
	if p.OS == "" {
		p.OS = "linux"
	}
	if p.Architecture == "" {
		p.Architecture = runtime.GOARCH
	}
	return normalize(p)
}

func isArchitecture(s string) bool {
	a := normalize(v1.Platform{Architecture: s}).Architecture
	return slices.Contains([]string{
		"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
		"ppc64", "ppc64le", "riscv64", "s390x", "wasm",
	}, a)
}

// normalize gives a platform the one spelling that can be compared, as containerd
// does.
func normalize(p v1.Platform) v1.Platform {
	p.OS, p.Architecture, p.Variant = strings.ToLower(p.OS), strings.ToLower(p.Architecture), strings.ToLower(p.Variant)
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	switch p.Architecture {
	case "i386", "i486", "i586", "i686":
		p.Architecture, p.Variant = "386", ""
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	}
	p.Variant = normalVariant(p.Architecture, p.Variant)
	return p
}

func normalVariant(arch, variant string) string {
	if _, err := strconv.Atoi(variant); err == nil {
		variant = "v" + variant
	}
	switch {
	case arch == "amd64" && variant == "v1", arch == "arm64" && variant == "v8":
		return ""
	case arch == "arm" && variant == "":
		return "v7"
	}
	return variant
}

// ExactFit is what Fits returns for the very platform that is wanted, however it is
// written.
const ExactFit = 1000

// Fits says how well an image for have serves one who wants want: 0 not at all,
// else the higher the better, up to ExactFit. Within an architecture, a lower variant
// serves a higher one, as in containerd; another architecture never does. A want
// without a version of the system is for any.
func Fits(want, have v1.Platform) int {
	want, have = normalize(want), normalize(have)
	switch {
	case want.OS != have.OS || want.Architecture != have.Architecture:
		return 0
	case want.OSVersion != "" && want.OSVersion != have.OSVersion:
		return 0
	case want.Variant == have.Variant:
		return ExactFit
	}
	w, h := level(want), level(have)
	if w < 0 || h < 0 || h > w {
		return 0
	}
	return 1 + h
}

// level returns the number of a variant that has an order, else -1.
func level(p v1.Platform) int {
	v := p.Variant
	if v == "" {
		switch p.Architecture {
		case "amd64":
			return 1
		case "arm64":
			return 8
		}
		return -1
	}
	if !variantLevel().MatchString(v) || len(v) > 4 {
		return -1
	}
	n, err := strconv.Atoi(v[1:])
	if err != nil {
		return -1
	}
	return n
}

// wantedPlatform is what the user asked for, by option or by environment, else
// linux on this host's architecture.
func wantedPlatform(name string, o Options) (v1.Platform, error) {
	if o.Platform != nil {
		return complete(*o.Platform), nil
	}
	if s := os.Getenv("DOCKER_DEFAULT_PLATFORM"); s != "" {
		p, err := ParsePlatform(s)
		if err != nil {
			return p, &UnavailableError{Name: name, Err: fmt.Errorf("DOCKER_DEFAULT_PLATFORM: %w", err)}
		}
		return p, nil
	}
	return complete(v1.Platform{}), nil
}

// choosePlatforms returns the manifest of the index that is for the wanted platform,
// or, for all, every image and nested index in it, in order and each once. A result
// that is an index itself is for the caller to descend into. What cannot be told
// apart by platforms is said and not guessed.
func choosePlatforms(name string, idx *v1.IndexManifest, o Options, all bool) ([]v1.Descriptor, error) {
	want, err := wantedPlatform(name, o)
	if err != nil {
		return nil, err
	}
	images := imagesOf(idx)
	if len(images) == 0 {
		return nil, &KindError{Name: name, Is: emptyIndexKind(idx)}
	}
	if all && !o.onePlatform {
		return images, nil
	}
	var known, open []v1.Descriptor
	for _, d := range images {
		if hasPlatform(d) {
			known = append(known, d)
		} else {
			open = append(open, d)
		}
	}
	if d, ok := bestFit(want, known); ok {
		return []v1.Descriptor{d}, nil
	}
	// One that says nothing of its platform is what there is, but not when the
	// others do: they were meant to be told apart.
	if len(open) == 1 && (len(known) == 0 || open[0].MediaType.IsIndex()) {
		return open, nil
	}
	if len(known) > 0 {
		return nil, &PlatformError{Name: name, Want: want.String(), Have: platformNames(images)}
	}
	return nil, &NotFoundError{
		Name:   name,
		Reason: fmt.Sprintf("it holds %d manifests and does not say for which platforms: name one by its digest", len(open)),
		Have:   describe(open),
	}
}

// imagesOf leaves out what describes images and is none.
func imagesOf(idx *v1.IndexManifest) []v1.Descriptor {
	seen := map[v1.Hash]bool{}
	var images []v1.Descriptor
	for _, d := range idx.Manifests {
		known := d.MediaType.IsImage() || d.MediaType.IsIndex() || d.MediaType.IsSchema1() || d.MediaType == ""
		artifact := d.ArtifactType != "" && !hasPlatform(d)
		if known && !artifact && !isAttestation(d) && !seen[d.Digest] {
			seen[d.Digest] = true
			images = append(images, d)
		}
	}
	return images
}

func emptyIndexKind(idx *v1.IndexManifest) string {
	if len(idx.Manifests) == 0 {
		return "an index without manifests"
	}
	if idx.ArtifactType != "" {
		return artifactName(idx.ArtifactType)
	}
	for _, d := range idx.Manifests {
		if d.ArtifactType != "" {
			return artifactName(d.ArtifactType, d.MediaType)
		}
		if isAttestation(d) {
			return "an index of attestations only"
		}
	}
	return "an index of " + artifactName(idx.Manifests[0].MediaType)
}

func hasPlatform(d v1.Descriptor) bool {
	return d.Platform != nil && (d.Platform.OS != "" || d.Platform.Architecture != "")
}

// bestFit returns the first of those that fit best: the specification has an index
// list them in order of preference.
func bestFit(want v1.Platform, from []v1.Descriptor) (best v1.Descriptor, ok bool) {
	most := 0
	for _, d := range from {
		if f := Fits(want, *d.Platform); f > most {
			best, most = d, f
		}
	}
	return best, most > 0
}

func platformNames(from []v1.Descriptor) []string {
	var names []string
	for _, d := range from {
		name := "unknown"
		if hasPlatform(d) {
			name = d.Platform.String()
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func describe(from []v1.Descriptor) []string {
	var lines []string
	for _, d := range from {
		line := d.Digest.String()
		if hasPlatform(d) {
			line += " " + d.Platform.String()
		}
		lines = append(lines, line)
	}
	return lines
}

// imagePlatform is what an image is for: what its config says, completed by the
// descriptor that led to it, which may be nil.
func imagePlatform(c *v1.ConfigFile, d *v1.Platform) v1.Platform {
	var p v1.Platform
	if c.OS != "" || c.Architecture != "" {
		p = v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant, OSVersion: c.OSVersion, OSFeatures: c.OSFeatures}
	}
	switch {
	case d == nil:
	case p.OS == "" && p.Architecture == "":
		p = *d
	case p.Variant == "" && p.OS == d.OS && p.Architecture == d.Architecture:
		p.Variant = d.Variant
	}
	return p
}
