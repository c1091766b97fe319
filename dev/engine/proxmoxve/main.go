// Pulumi plugin "proxmoxve" for networks where the published one cannot be downloaded.
//
// The same upstream code as the published plugin (both halves of the Terraform provider for Proxmox VE behind the
// Pulumi bridge), with the resources that this project uses under the type names of the Python package pulumi_proxmoxve.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bpg/terraform-provider-proxmox/fwprovider"
	"github.com/bpg/terraform-provider-proxmox/proxmoxtf/provider"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	sdk "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	name    = "proxmoxve"
	version = "8.3.0"
)

// Terraform type (less "proxmox_") -> class in pulumi_proxmoxve.
var resources = map[string]string{
	"haresource":               "Haresource",
	"virtual_environment_file": "FileLegacy",
	"virtual_environment_vm":   "VmLegacy",
}

// token turns "VmLegacy" into "proxmoxve:index/vmLegacy:VmLegacy".
func token(class string) tokens.Type {
	return tokens.Type(fmt.Sprintf("%s:index/%s%s:%s", name, strings.ToLower(class[:1]), class[1:], class))
}

// bridged describes the plugin to the bridge. Which half of the provider has which resource is in the published
// plugin's metadata; here it is worked out at the start.
func bridged(ctx context.Context) (tfbridge.ProviderInfo, error) {
	info := tfbridge.ProviderInfo{
		P:              pf.MuxShimWithPF(ctx, shim.NewProvider(provider.ProxmoxVirtualEnvironment()), fwprovider.New(version)()),
		Name:           name,
		ResourcePrefix: "proxmox",
		Version:        version,
		MetadataInfo:   tfbridge.NewProviderMetadata([]byte("{}")),
		Resources:      map[string]*tfbridge.ResourceInfo{},
	}
	for tf, class := range resources {
		info.Resources["proxmox_"+tf] = &tfbridge.ResourceInfo{Tok: token(class)}
	}
	info.SetAutonaming(255, "-")
	halves := info.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	})
	table, err := halves.ResolveDispatch(&info)
	if err != nil {
		return info, err
	}
	return info, metadata.Set(info.GetMetadata(), "mux", table)
}

// server is the bridge's, with a schema that is generated when it is asked for: Pulumi does not need it to run a program.
type server struct {
	rpc.ResourceProviderServer
	info tfbridge.ProviderInfo
}

// GetSchema describes the types, without documentation.
func (s server) GetSchema(_ context.Context, request *rpc.GetSchemaRequest) (*rpc.GetSchemaResponse, error) {
	if request.GetVersion() != muxer.SchemaVersion {
		return nil, fmt.Errorf("unknown schema version %d", request.GetVersion())
	}
	if err := os.Setenv("PULUMI_SKIP_MISSING_MAPPING_ERROR", "true"); err != nil { // the table is not all there is
		return nil, err
	}
	silent := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	generated, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
		ProviderInfo: s.info, DiagnosticsSink: silent, XInMemoryDocs: true,
	})
	if err != nil {
		return nil, err
	}
	schema, err := json.Marshal(generated.PackageSpec)
	return &rpc.GetSchemaResponse{Schema: string(schema)}, err
}

func run() error {
	ctx := context.Background()
	info, err := bridged(ctx)
	if err != nil {
		return err
	}
	known := []byte(`{"name":"` + name + `","version":"` + version + `"}`)
	start := pf.MakeMuxedServer(ctx, name, info, known)
	return sdk.Main(name, func(host *sdk.HostClient) (rpc.ResourceProviderServer, error) {
		started, err := start(host)
		return server{started, info}, err
	})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
