package source

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// artifacts names what registries hold besides images, by a part of a media type.
// The first that fits wins.
var artifacts = []struct{ part, is string }{
	{"helm.chart.provenance", "the provenance of a Helm chart"},
	{"helm", "a Helm chart"},
	{"cosign.simplesigning", "a signature (cosign)"},
	{"sigstore.bundle", "a signature (sigstore)"},
	{"cncf.notary", "a signature (Notary)"},
	{"in-toto", "an attestation (in-toto)"},
	{"dsse.envelope", "an attestation (DSSE)"},
	{"spdx", "an SBOM (SPDX)"},
	{"cyclonedx", "an SBOM (CycloneDX)"},
	{"syft", "an SBOM (Syft)"},
	{"wasm", "a WebAssembly module"},
	{"sylabs.sif", "a Singularity image (SIF)"},
	{"docker.plugin", "a Docker plugin"},
	{"compose.project", "a Compose project"},
	{"devcontainers", "a development container's feature or template"},
	{"vnd.docker.ai", "an AI model"},
	{"cncf.model", "an AI model"},
	{"ollama", "an AI model"},
	{"cnab", "a CNAB bundle"},
	{"opa.", "a policy (OPA)"},
	{"cncf.openpolicyagent", "a policy (OPA)"},
	{"fluxcd", "a Flux artifact"},
	{"vnd.cncf.flux", "a Flux artifact"},
	{"homebrew", "a Homebrew bottle"},
	{"buildkit.cacheconfig", "a BuildKit cache"},
}

// artifactKind says what a manifest describes that is not an image, "" if it is one.
func artifactKind(m *v1.Manifest) string {
	if !isImageConfig(m.Config.MediaType) {
		return artifactName(m.ArtifactType, m.Config.MediaType, layerType(m))
	}
	for _, l := range m.Layers {
		switch t := string(l.MediaType); {
		case strings.HasSuffix(t, "+encrypted"):
			return "an image with encrypted layers, which cannot be read without their key"
		case !isTar(l.MediaType):
			return artifactName(m.ArtifactType, l.MediaType)
		}
	}
	return ""
}

// isImageConfig holds for the types that builders have given to image configs.
// Old registries and clients sent the last three.
func isImageConfig(t types.MediaType) bool {
	return t.IsConfig() || t == "" || t == "application/octet-stream" || t == "application/json" || t == "text/html"
}

func isTar(t types.MediaType) bool {
	return t.IsLayer() || t == "" || t == "application/octet-stream" || strings.Contains(string(t), "tar")
}

func layerType(m *v1.Manifest) types.MediaType {
	if len(m.Layers) == 0 {
		return ""
	}
	return m.Layers[0].MediaType
}

// artifactName finds a name for the first media type that has one.
func artifactName[T ~string](first T, others ...types.MediaType) string {
	all := append([]types.MediaType{types.MediaType(first)}, others...)
	unknown := ""
	for _, t := range all {
		for _, a := range artifacts {
			if strings.Contains(string(t), a.part) {
				return a.is
			}
		}
		if unknown == "" && t != types.OCIEmptyJSON {
			unknown = string(t)
		}
	}
	return fmt.Sprintf("an artifact of the type %.100q", unknown)
}

// isAttestation holds for the manifests that BuildKit adds to an index to describe
// the images in it.
func isAttestation(d v1.Descriptor) bool {
	if d.Annotations["vnd.docker.reference.type"] != "" {
		return true
	}
	return d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}
