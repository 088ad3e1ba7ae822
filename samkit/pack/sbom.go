package main

import (
	"bytes"
	"debug/buildinfo"
	"runtime/debug"

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
	standard := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: "stdlib", Version: info.GoVersion, BOMRef: "pkg:golang/stdlib@" + info.GoVersion, PackageURL: "pkg:golang/stdlib@" + info.GoVersion}
	components, refs := []cdx.Component{standard}, []string{standard.BOMRef}
	for _, m := range info.Deps {
		c := component(m)
		components, refs = append(components, c), append(refs, c.BOMRef)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: name, Dependencies: &refs}}
	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	err = encoder.EncodeVersion(bom, cdx.SpecVersion1_6)
	return out.Bytes(), err
}

func component(m *debug.Module) cdx.Component {
	if m.Replace != nil {
		m = m.Replace
	}
	url := "pkg:golang/" + m.Path + "@" + m.Version
	return cdx.Component{Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, BOMRef: url, PackageURL: url}
}
