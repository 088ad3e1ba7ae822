package main

import (
	"bytes"
	"debug/buildinfo"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// sbom lists the modules of a binary as the linker recorded them. It holds no time and no random number, so the same
// binary has the same SBOM.
func sbom(name string, binary []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, err
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{
		Type: cdx.ComponentTypeApplication, Name: name, BOMRef: name,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum(binary)}},
	}}
	components := []cdx.Component{component("stdlib", info.GoVersion)}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		components = append(components, component(m.Path, m.Version))
	}
	var refs []string
	for _, c := range components {
		refs = append(refs, c.BOMRef)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: name, Dependencies: &refs}}
	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	err = encoder.EncodeVersion(bom, cdx.SpecVersion1_6)
	return out.Bytes(), err
}

func component(module, version string) cdx.Component {
	url := "pkg:golang/" + module + "@" + version
	return cdx.Component{Type: cdx.ComponentTypeLibrary, Name: module, Version: version, BOMRef: url, PackageURL: url}
}
