package graphstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// listPageJSON is an answer to a list request with n messages.
func listPageJSON(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('u')/mailFolders('f')/messages","value":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"@odata.etag":"W/\"CQAAABYAAAD%d\"","id":"AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A%08d","parentFolderId":"AQMkAGI","isRead":true,`+
			`"isDraft":false,"flag":{"flagStatus":"notFlagged"},"categories":["Blue category"],"receivedDateTime":"2026-01-02T03:04:05Z",`+
			`"sentDateTime":"2026-01-02T03:04:00Z","subject":"Message number %d","internetMessageId":"<%d@example.com>",`+
			`"from":{"emailAddress":{"name":"Ann Example","address":"ann@example.com"}},"sender":{"emailAddress":{"name":"Ann Example","address":"ann@example.com"}},`+
			`"toRecipients":[{"emailAddress":{"name":"Bob","address":"bob@example.com"}}],"ccRecipients":[],"bccRecipients":[],"replyTo":[],`+
			`"conversationId":"AAQkAGI","bodyPreview":"Hello","hasAttachments":false,"singleValueExtendedProperties":[`+
			`{"id":"Integer 0xe08","value":"12345"},{"id":"Integer 0x1081","value":"102"},{"id":"Integer 0xe23","value":"%d"}]}`, i, i, i, i, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// BenchmarkDecodePage is why lists are not decoded by the SDK's models.
func BenchmarkDecodePage(b *testing.B) {
	text := listPageJSON(1000)
	b.Run("struct", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var p page[wireMessage]
			if err := json.Unmarshal(text, &p); err != nil {
				b.Fatal(err)
			}
			if rows := infos(p.Value); len(rows) != 1000 || rows[999].ArticleNumber != 999 {
				b.Fatal("wrong rows")
			}
		}
	})
	b.Run("models", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			node, err := kjson.NewJsonParseNode(text)
			if err != nil {
				b.Fatal(err)
			}
			v, err := node.GetObjectValue(models.CreateMessageCollectionResponseFromDiscriminatorValue)
			if err != nil {
				b.Fatal(err)
			}
			if rows := v.(models.MessageCollectionResponseable).GetValue(); len(rows) != 1000 {
				b.Fatal("wrong rows")
			}
		}
	})
}
