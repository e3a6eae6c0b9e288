package layer

import "strings"

// Sizes up to which files are kept.
const (
	keptLine     = 64 << 10  // files of a few lines
	keptList     = 4 << 20   // lists of one package's files, accounts
	keptDatabase = 32 << 20  // databases in text
	keptRPM      = 128 << 20 // databases of rpm, which hold more than names
)

// keptPaths are the files that later questions ask for, by their paths.
var keptPaths = map[string]int64{
	"etc/os-release":                    keptLine,
	"usr/lib/os-release":                keptLine,
	"etc/debian_version":                keptLine,
	"etc/alpine-release":                keptLine,
	"etc/passwd":                        keptList,
	"etc/group":                         keptList,
	"var/lib/dpkg/status":               keptDatabase,
	"lib/apk/db/installed":              keptDatabase,
	"usr/lib/apk/db/installed":          keptDatabase,
	"var/lib/rpm/rpmdb.sqlite":          keptRPM,
	"var/lib/rpm/Packages":              keptRPM,
	"var/lib/rpm/Packages.db":           keptRPM,
	"usr/lib/sysimage/rpm/rpmdb.sqlite": keptRPM,
	"usr/lib/sysimage/rpm/Packages":     keptRPM,
	"usr/lib/sysimage/rpm/Packages.db":  keptRPM,
	"usr/share/rpm/rpmdb.sqlite":        keptRPM, // of rpm-ostree
}

// keeps reports whether the file at a clean path is one that later questions ask
// for, and up to which size it is kept.
func keeps(path string) (limit int64, ok bool) {
	if limit, ok := keptPaths[path]; ok {
		return limit, true
	}
	dir, name, _ := cutLast(path)
	switch {
	case name == "package.json":
		return keptLine, isNodePackage(dir)
	case MayBeKey(name):
		return keptLine, true
	case dir == "var/lib/dpkg/info":
		return keptList, strings.HasSuffix(name, ".list") || strings.HasSuffix(name, ".md5sums")
	case dir == "var/lib/dpkg/status.d":
		return keptList, true
	case name == "METADATA" || name == "RECORD":
		return keptList, strings.HasSuffix(dir, ".dist-info")
	case name == "PKG-INFO" || name == "installed-files.txt":
		return keptList, strings.HasSuffix(dir, ".egg-info")
	}
	return keptList, strings.HasSuffix(name, ".egg-info")
}

// MayBeKey reports whether a file's name is one that files with private keys have. Kept
// holds such files up to 64 KiB, whatever they hold.
func MayBeKey(name string) bool {
	switch name {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk":
		return true
	}
	for _, end := range []string{".pem", ".key", "_key", ".ppk"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// isNodePackage reports whether dir is a package in a node_modules directory, with
// a scope or without, and not a directory further down.
func isNodePackage(dir string) bool {
	parent, _, ok := cutLast(dir)
	if grand, scope, _ := cutLast(parent); strings.HasPrefix(scope, "@") {
		parent = grand
	}
	return ok && (parent == "node_modules" || strings.HasSuffix(parent, "/node_modules"))
}

// cutLast cuts the last component off a clean path.
func cutLast(path string) (dir, name string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
