// Writes the SDK of a package for `pulumi package gen-sdk`, with Pulumi's own generators.
//
// The hosts of Python and Node.js are zonewright's own programs, in Python. The engine asks its host for an SDK, and the
// host starts this program. Standard input has the engine's request as it came, standard output has the answer.
// What is no finding about the schema goes to standard error, with status 1.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/proto"
)

type generator func(
	pkg *schema.Package, request *pulumirpc.GeneratePackageRequest, loader schema.ReferenceLoader,
) (map[string][]byte, error)

// The names that the generated files give as their author are those of Pulumi's own hosts.
var generators = map[string]generator{
	"nodejs": func(
		pkg *schema.Package, request *pulumirpc.GeneratePackageRequest, loader schema.ReferenceLoader,
	) (map[string][]byte, error) {
		return nodejs.GeneratePackage(
			"pulumi-language-nodejs", pkg, request.ExtraFiles, request.LocalDependencies, request.Local, loader)
	},
	"python": func(
		pkg *schema.Package, request *pulumirpc.GeneratePackageRequest, loader schema.ReferenceLoader,
	) (map[string][]byte, error) {
		return python.GeneratePackage("pulumi-language-python", pkg, request.ExtraFiles, loader)
	},
}

func main() {
	if err := answer(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer reads one request, writes the SDK's files, and gives what the schema's findings are.
func answer(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("expected one argument, the language, got %d", len(arguments))
	}
	language := arguments[0]
	if generators[language] == nil {
		return fmt.Errorf("there is no generator for %q, only for nodejs and python", language)
	}
	asked, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var request pulumirpc.GeneratePackageRequest
	if err := proto.Unmarshal(asked, &request); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	response, err := generate(language, &request)
	if err != nil {
		return err
	}
	said, err := proto.Marshal(response)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(said)
	return err
}

// generate binds the schema and writes the SDK; a schema with faults gives them, and no file.
func generate(
	language string, request *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	client, err := schema.NewLoaderClient(request.LoaderTarget)
	if err != nil {
		return nil, err
	}
	loader := schema.NewCachedLoader(client)
	var spec schema.PackageSpec
	if err := json.Unmarshal([]byte(request.Schema), &spec); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	// What is not in the schema may be in a package that it refers to, as with Pulumi's own hosts.
	pkg, found, err := schema.BindSpec(
		spec, loader, schema.ValidationOptions{AllowDanglingReferences: true})
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.GeneratePackageResponse{Diagnostics: plugin.HclDiagnosticsToRPCDiagnostics(found)}
	if found.HasErrors() {
		return response, nil
	}
	files, err := generators[language](pkg, request, loader)
	if err != nil {
		return nil, err
	}
	for name, content := range files {
		path := filepath.Join(request.Directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return nil, err
		}
	}
	return response, nil
}
