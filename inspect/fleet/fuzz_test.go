package fleet

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// FuzzSet builds a family by the bytes, one a layer: 255 begins another image, and 254 is
// followed by the number of an image whose layers come first.
func FuzzSet(f *testing.F) {
	f.Add([]byte{1, 255, 1, 2, 3, 255, 254, 1, 4, 5, 255, 254, 1, 7}) // the manual's tree
	f.Add([]byte{1, 1, 1, 255, 1, 1, 255, 1, 255, 255, 0, 2})
	f.Add([]byte{2, 4, 255, 3, 5, 255, 2, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		images := []Image{{Digest: digest("image", 0)}}
		for i := 0; i < min(len(data), 200); i++ {
			last := &images[len(images)-1]
			switch b := int(data[i]); {
			case b == 255:
				n := len(images)
				images = append(images, Image{Digest: digest("image", n), Names: []string{fmt.Sprint("n", n*7%5)}})
			case b == 254 && i+1 < len(data) && len(last.Layers) < 1000:
				i++
				last.Layers = append(last.Layers, images[int(data[i])%len(images)].Layers...)
			default:
				last.Layers = append(last.Layers, layerOf(b, len(data)%2 == 0))
			}
		}
		check(t, "fuzz", images, rand.New(rand.NewPCG(1, uint64(len(data)))))
	})
}
