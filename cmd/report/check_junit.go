package report

import (
	"encoding/xml"
	"io"

	"github.com/layers/layers/diff/budget"
)

// These are JUnit's elements, as those who read them agree on.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Failure *junitDetail `xml:"failure,omitempty"`
	Skipped *junitDetail `xml:"skipped,omitempty"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitDetail struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes a suite for each image and platform, and a case for each rule. A rule
// that is broken and does not fail the check passes, and says so in its output. What XML
// cannot hold is U+FFFD.
func writeJUnit(w io.Writer, r *budget.Report, o Options) error {
	all := junitSuites{Name: "layers check"}
	for i := range r.Images {
		of := &r.Images[i]
		s := junitSuite{Name: o.subject(of), Tests: len(of.Results)}
		for k := range of.Results {
			c := o.junitCase(r, of, &of.Results[k])
			if c.Failure != nil {
				s.Failures++
			}
			if c.Skipped != nil {
				s.Skipped++
			}
			s.Cases = append(s.Cases, c)
		}
		all.Suites = append(all.Suites, s)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Skipped += s.Skipped
	}
	text, err := xml.MarshalIndent(all, "", indent)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+string(text)+"\n")
	return err
}

func (o Options) junitCase(r *budget.Report, i *budget.ImageReport, result *budget.Result) junitCase {
	c := junitCase{Class: o.Escape(i.Name), Name: o.Escape(result.Rule)}
	switch result.Outcome {
	case budget.Failed:
		c.Failure = &junitDetail{o.sentence(result), string(result.Kind), o.message(r, i, result)}
	case budget.Unknown:
		c.Skipped = &junitDetail{Message: o.sentence(result)}
	case budget.Passed:
	default:
		c.Out = o.outcome(result.Outcome) + ": " + o.message(r, i, result)
	}
	return c
}
