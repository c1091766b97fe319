// Package codegen stands in for the code generator for YAML: no module proxy has the version that the bridge needs.
//
// The bridge links it to generate examples, which the plugin does not.
package codegen

import (
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
)

// GenerateProgram fails: there is no generator.
func GenerateProgram(*pcl.Program) (map[string][]byte, hcl.Diagnostics, error) {
	return nil, nil, errors.New("YAML is not generated here")
}
