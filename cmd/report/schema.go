package report

import "embed"

// Schemas holds a JSON Schema for each report, in files that are called as the
// part of the report's version between the dot and the slash: that of
// "layers.inspect/v1" is schema/inspect.json. They refer to schema/common.json.
//
//go:embed schema/*.json
var Schemas embed.FS
