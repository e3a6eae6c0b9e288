package diff

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// hideSecrets takes the values from the variables of the environment that look like
// secrets.
func hideSecrets(changes []ConfigChange) {
	for i := range changes {
		c := &changes[i]
		if c.Field == "env" && (secretName(c.Key) || secretValue(c.Key, c.Old) || secretValue(c.Key, c.New)) {
			c.Old, c.New, c.Hidden = nil, nil, true
		}
	}
}

// setting is a variable that a step sets.
var setting = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)=("[^"]*"|'[^']*'|\S+)`) })

// maskSteps takes the values of such variables from the steps that set them.
func maskSteps(changes []ConfigChange) {
	for i := range changes {
		c := &changes[i]
		c.Key = setting().ReplaceAllStringFunc(c.Key, func(text string) string {
			name, value, _ := strings.Cut(text, "=")
			value = strings.Trim(value, `"'`)
			if !secretName(name) && !secretValue(name, &value) {
				return text
			}
			c.Hidden = true
			return name + "=…"
		})
	}
}

// secretWords are parts of names, between underscores, of what nobody shows.
var secretWords = map[string]bool{
	"PASSWORD": true, "PASSWD": true, "PASS": true, "PWD": true, "PASSPHRASE": true, "PW": true,
	"SECRET": true, "SECRETS": true, "TOKEN": true, "TOKENS": true, "APIKEY": true, "KEY": true, "KEYS": true,
	"CREDENTIAL": true, "CREDENTIALS": true, "CREDS": true, "AUTH": true, "PRIVATE": true, "DSN": true,
	"SALT": true, "COOKIE": true, "SESSION": true, "SIGNATURE": true, "CERT": true, "WEBHOOK": true,
}

// publicWords are parts of names of long numbers that everybody may know.
var publicWords = []string{"SHA", "MD5", "DIGEST", "HASH", "CHECKSUM", "COMMIT", "REVISION", "VERSION", "FINGERPRINT"}

func secretName(name string) bool {
	upper := strings.ToUpper(name)
	if upper == "PWD" || upper == "OLDPWD" { // of shells
		return false
	}
	for word := range strings.FieldsFuncSeq(upper, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
		if secretWords[word] {
			return true
		}
	}
	for _, part := range []string{"PASSWORD", "SECRET", "TOKEN", "APIKEY", "CREDENTIAL"} {
		if strings.Contains(upper, part) {
			return true
		}
	}
	return false
}

// secretPrefixes begin tokens of well-known services, and keys.
var secretPrefixes = []string{
	"-----BEGIN", "ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-", "AKIA", "ASIA",
	"sk-", "sk_live_", "rk_live_", "AIza", "ya29.", "eyJ", "npm_", "pypi-", "dckr_pat_", "hf_", "SG.", "Bearer ", "Basic ",
}

// secretValue knows tokens by how they begin, addresses with a password, long numbers
// that the name does not tell to be public, and words that look drawn by chance.
func secretValue(name string, value *string) bool {
	if value == nil {
		return false
	}
	for _, p := range secretPrefixes {
		if strings.HasPrefix(*value, p) {
			return true
		}
	}
	if _, rest, isURL := strings.Cut(*value, "://"); isURL {
		authority, _, _ := strings.Cut(rest, "/")
		user, _, with := cutLast(authority, "@")
		if with && strings.Contains(user, ":") {
			return true
		}
	}
	if strings.Trim(strings.ToLower(*value), "0123456789abcdef") == "" && len(*value) >= 32 {
		return !slices.ContainsFunc(publicWords, func(w string) bool { return strings.Contains(strings.ToUpper(name), w) })
	}
	return random(*value)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// random reports whether a value is one long word of letters and digits in which the
// characters come about equally often.
func random(value string) bool {
	if len(value) < 20 || len(value) > 512 {
		return false
	}
	var counts [256]int
	var upper, lower, digit bool
	for i := range len(value) {
		c := value[i]
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= '0' && c <= '9':
			digit = true
		case c != '+' && c != '/' && c != '=' && c != '_' && c != '-':
			return false
		}
		counts[c]++
	}
	entropy := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(value))
			entropy -= p * math.Log2(p)
		}
	}
	return upper && lower && digit && entropy > 3.8
}
