package weir_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The contract that this module carries is the project's. (Where there is no project around it, there is nothing to hold.)
func TestCopyOfTheContractEqualsTheProjectsByteByByte(t *testing.T) {
	const project = "../../wit"
	if _, err := os.Stat(project); err != nil {
		t.Skip("this is a copy outside the project")
	}
	if !slices.Equal(witFiles(t, project), witFiles(t, "wit")) {
		t.Fatal("copy the files of wit/ to guest-sdk/go/wit/")
	}
	for _, name := range witFiles(t, "wit") {
		if readFile(t, filepath.Join(project, name)) != readFile(t, filepath.Join("wit", name)) {
			t.Errorf("copy wit/%s to guest-sdk/go/wit/", name)
		}
	}
}

func witFiles(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.wit"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no contract in ", folder, err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths
}
