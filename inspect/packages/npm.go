package packages

import (
	"encoding/json"
	"strings"
)

// nodePackage gives the name that a directory has as a package of npm: below
// node_modules, with a scope or without.
func nodePackage(dir string) (name string, ok bool) {
	parent, name := splitPath(dir)
	if isNodeModules(parent) {
		return name, !strings.HasPrefix(name, "@") && !strings.HasPrefix(name, ".")
	}
	grand, scope := splitPath(parent)
	return scope + "/" + name, strings.HasPrefix(scope, "@") && isNodeModules(grand)
}

func isNodeModules(dir string) bool {
	return dir == "node_modules" || strings.HasSuffix(dir, "/node_modules")
}

// parsePackageJSON reads a package.json. Its name gives way to the directory's where
// it has none; it is not ok if it is no JSON at all.
func parsePackageJSON(content []byte, name string) (p Package, ok bool) {
	var fields struct{ Name, Version any }
	if json.Unmarshal(content, &fields) != nil {
		return Package{}, false
	}
	p = Package{Kind: NPM, Name: name}
	if s, _ := fields.Name.(string); s != "" {
		p.Name = s
	}
	p.Version, _ = fields.Version.(string)
	return p, true
}
