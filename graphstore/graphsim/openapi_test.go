package graphsim

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// apiRequest is a request in the short form of these tests.
type apiRequest struct {
	method, path, query string
	header              http.Header
	body                string
}

// violations runs the validator and returns "place: rule" of everything it found.
func violations(t *testing.T, v *Validator, r apiRequest) []string {
	t.Helper()
	q, err := url.ParseQuery(r.query)
	if err != nil {
		t.Fatal(err)
	}
	h := r.header
	if h == nil && r.body != "" {
		h = http.Header{"Content-Type": {"application/json"}}
	}
	err = v.Check(r.method, r.path, q, h, []byte(r.body))
	if err == nil {
		return nil
	}
	var out []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var breach *Violation
		if !errors.As(e, &breach) {
			t.Fatalf("%v is no Violation", e)
		}
		if want := r.method + " " + r.path; breach.Request != want {
			t.Errorf("request = %q, want %q", breach.Request, want)
		}
		out = append(out, breach.Place+": "+breach.Rule)
	}
	return out
}

const (
	userPath = "/users/demo%40example.com"
	msgPath  = userPath + "/messages/AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A"
)

func mimeHeader() http.Header { return http.Header{"Content-Type": {"text/plain"}} }

func TestValidatorAccepts(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte("Subject: x\r\n\r\nbody\r\n"))
	for name, r := range map[string]apiRequest{
		"probe":                 {"GET", userPath + "/mailFolders/inbox", "$select=id", nil, ""},
		"folder page":           {"GET", userPath + "/mailFolders", "$top=100&includeHiddenFolders=true&$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x6751' or id eq 'SystemTime 0x670a')", nil, ""},
		"folder filter":         {"GET", userPath + "/mailFolders/AAA=/childFolders", "$filter=displayName eq 'it''s'", nil, ""},
		"deep folder":           {"GET", userPath + "/mailFolders/a/childFolders/b/childFolders/c/messages", "$top=5", nil, ""},
		"list":                  {"GET", userPath + "/mailFolders/AAA=/messages", "$top=1000&$select=id,subject,from,flag&$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x0e08' or Id eq 'LONG 0x0E08' or id eq 'String {00020386-0000-0000-c000-000000000046} Name x-foo')", http.Header{"Prefer": {`IdType="ImmutableId", outlook.body-content-type="text"`}}, ""},
		"derived property":      {"GET", userPath + "/messages", "$select=id,microsoft.graph.eventMessage/meetingMessageType", nil, ""},
		"next page":             {"GET", userPath + "/mailFolders/inbox/messages", "$skip=10&$top=10&$skiptoken=abc", nil, ""},
		"filter on path":        {"GET", userPath + "/messages", "$filter=(isRead eq false AND parentFolderId eq 'inbox') and from/emailAddress/address eq 'a@b.c'&$orderby=receivedDateTime ASC", nil, ""},
		"filter on time":        {"GET", userPath + "/messages", "$filter=receivedDateTime ge 2026-01-01T00:00:00Z and not contains(subject,'x')", nil, ""},
		"filter on categories":  {"GET", userPath + "/messages", "$filter=categories/any(a:a eq 'x')", nil, ""},
		"filter on extended":    {"GET", userPath + "/messages", "$filter=singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0xe23' and cast(ep/value,Edm.Int32) gt 100)", nil, ""},
		"filter on boolean":     {"GET", userPath + "/messages", "$filter=hasAttachments", nil, ""},
		"search":                {"GET", userPath + "/messages", `$search="subject:x"`, nil, ""},
		"count":                 {"GET", userPath + "/mailFolders/inbox/messages/$count", "", nil, ""},
		"delta":                 {"GET", userPath + "/mailFolders/inbox/messages/delta", "$select=id,isRead&changeType=created&$filter=receivedDateTime ge 2026-01-01T00:00:00Z&$orderby=receivedDateTime desc", http.Header{"Prefer": {"odata.maxpagesize=500"}}, ""},
		"delta as a function":   {"GET", userPath + "/mailFolders('inbox')/messages/microsoft.graph.delta()", "$deltatoken=abc", nil, ""},
		"folder delta":          {"GET", userPath + "/mailFolders/delta()", "", nil, ""},
		"value":                 {"GET", msgPath + "/$value", "", nil, ""},
		"attachments":           {"GET", msgPath + "/attachments", "$select=id,name,size,isInline,microsoft.graph.fileAttachment/contentId", nil, ""},
		"expand attachments":    {"GET", msgPath, "$expand=attachments($select=id,name%3B$top=3)", nil, ""},
		"mime draft":            {"POST", userPath + "/messages", "", mimeHeader(), plain[:8] + "\r\n" + plain[8:]},
		"mime draft in a batch": {"POST", userPath + "/messages", "", mimeHeader(), `"` + plain + `"`},
		"json message": {"POST", userPath + "/mailFolders/AAA=/messages", "", nil, `{"@odata.type":"#microsoft.graph.message","subject":null,"isRead":true,"importance":"high",
			"body":{"contentType":"html","content":"x"},"toRecipients":[{"emailAddress":{"name":"A","address":"a@b.c"}}],"categories":[],
			"internetMessageHeaders":[{"name":"X-A","value":"1"}],"flag":{"flagStatus":"flagged"},
			"singleValueExtendedProperties":[{"id":"Integer 0x0E07","value":"1"},{"id":"SystemTime 0x0E06","value":"2026-01-02T03:04:05Z"},{"id":"Integer {00062008-0000-0000-c000-000000000046} Id 0x8570","value":"1"}]}`},
		"patch":           {"PATCH", msgPath, "", http.Header{"Content-Type": {"application/json; charset=utf-8"}, "If-Match": {`W/"CQAAABYAAAA"`}}, `{"isRead":true,"categories":["a"],"flag":{"flagStatus":"notFlagged"}}`},
		"move":            {"POST", msgPath + "/move", "", nil, `{"destinationId":"deleteditems"}`},
		"qualified copy":  {"POST", msgPath + "/microsoft.graph.copy", "", nil, `{"DestinationId":"AAMkAD-_="}`},
		"send":            {"POST", msgPath + "/send", "", nil, ""},
		"sendMail":        {"POST", userPath + "/sendMail", "", nil, `{"message":{"subject":"x","toRecipients":[]},"saveToSentItems":true}`},
		"attach":          {"POST", msgPath + "/attachments", "", nil, `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentType":"text/plain","contentBytes":"aGk=","contentId":"x","isInline":true}`},
		"attach a mail":   {"POST", msgPath + "/attachments", "", nil, `{"@odata.type":"microsoft.graph.itemAttachment","name":"a","item":{"@odata.type":"microsoft.graph.message","subject":"x"}}`},
		"upload":          {"POST", msgPath + "/attachments/createUploadSession", "", nil, `{"AttachmentItem":{"attachmentType":"file","name":"f","size":3483322}}`},
		"new folder":      {"POST", userPath + "/mailFolders/inbox/childFolders", "", nil, `{"displayName":"Überweisungen","isHidden":false}`},
		"translate":       {"POST", userPath + "/translateExchangeIds", "", nil, `{"inputIds":["x"],"sourceIdType":"restId","targetIdType":"restImmutableEntryId"}`},
		"importMime":      {"POST", userPath + "/mailFolders/inbox/importMime", "", mimeHeader(), plain},
		"parallel batch":  {"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"GET","url":"/users/x/messages/a","body":null},{"id":"2","method":"PATCH","url":"/users/x/messages/a","headers":{"content-type":"application/json"},"body":{"isRead":true}}]}`},
		"batch in a row":  {"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"GET","url":"/users/x"},{"id":"2","method":"GET","url":"/users/x","dependsOn":["1"]},{"id":"3","method":"GET","url":"/users/x","dependsOn":["2"]}]}`},
		"null body":       {"GET", msgPath, "", nil, "null"},
		"slash at end":    {"GET", userPath + "/mailFolders/", "", nil, ""},
		"folder property": {"PATCH", userPath + "/mailFolders/AAA=", "", nil, `{"displayName":"y"}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, got := range violations(t, new(Validator), r) {
				t.Errorf("got %q, want no violation", got)
			}
		})
	}
}

func TestValidatorReports(t *testing.T) {
	for name, test := range map[string]struct {
		apiRequest
		want string // "place: beginning of the rule"
	}{
		"path unknown":          {apiRequest{"GET", userPath + "/letters", "", nil, ""}, "path: is not in the description"},
		"path case":             {apiRequest{"GET", userPath + "/mailfolders", "", nil, ""}, "path: differs in letter case from /users/{user-id}/mailFolders"},
		"method":                {apiRequest{"PUT", userPath + "/mailFolders", "", nil, ""}, "path: has no method PUT, only GET, POST"},
		"folder by its name":    {apiRequest{"GET", userPath + "/mailFolders/Sent%20Items/messages", "", nil, ""}, `path: "Sent Items" is neither a folder id`},
		"value by folder":       {apiRequest{"GET", userPath + "/mailFolders/inbox/messages/AAA/$value", "", nil, ""}, "path: Answers 405"},
		"mime into folder":      {apiRequest{"POST", userPath + "/mailFolders/inbox/messages", "", mimeHeader(), "eA=="}, "path: A text/plain (MIME) body is refused"},
		"put value":             {apiRequest{"PUT", msgPath + "/$value", "", http.Header{"Content-Type": {"application/octet-stream"}}, "x"}, "path: this method is generated"},
		"delta of mailbox":      {apiRequest{"GET", userPath + "/messages/delta", "", nil, ""}, "path: delta of messages works per folder"},
		"query unknown":         {apiRequest{"GET", userPath + "/messages", "$sort=x", nil, ""}, "query $sort: is no option"},
		"query without dollar":  {apiRequest{"GET", userPath + "/messages", "top=5", nil, ""}, "query top: is no option"},
		"query twice":           {apiRequest{"GET", userPath + "/messages", "$top=5&$top=6", nil, ""}, "query $top: is given 2 times"},
		"top too big":           {apiRequest{"GET", userPath + "/messages", "$top=1001", nil, ""}, "query $top: is 1001, want 1 to 1000"},
		"top no number":         {apiRequest{"GET", userPath + "/mailFolders", "$top=all", nil, ""}, `query $top: is "all", want a whole number`},
		"count":                 {apiRequest{"GET", userPath + "/messages", "$count=yes", nil, ""}, "query $count: is \"yes\""},
		"select unknown":        {apiRequest{"GET", userPath + "/messages", "$select=id,size", nil, ""}, `query $select: "size" is no property of microsoft.graph.message`},
		"select case":           {apiRequest{"GET", userPath + "/messages", "$select=isread", nil, ""}, `query $select: "isread" is no property of microsoft.graph.message; it is written "isRead"`},
		"select beta":           {apiRequest{"GET", userPath + "/mailFolders", "$select=wellKnownName", nil, ""}, `query $select: "wellKnownName" is no property of microsoft.graph.mailFolder`},
		"select navigation":     {apiRequest{"GET", msgPath, "$select=attachments", nil, ""}, `query $select: "attachments" is reached by $expand`},
		"select derived":        {apiRequest{"GET", msgPath + "/attachments", "$select=contentId", nil, ""}, `query $select: "contentId" is no property of microsoft.graph.attachment`},
		"orderby":               {apiRequest{"GET", userPath + "/messages", "$orderby=receivedDateTime down", nil, ""}, `query $orderby: "receivedDateTime down" is not`},
		"filter property":       {apiRequest{"GET", userPath + "/messages", "$filter=read eq false", nil, ""}, `query $filter: "read eq false": read is no property`},
		"filter operator":       {apiRequest{"GET", userPath + "/messages", "$filter=isRead = false", nil, ""}, `query $filter: "isRead = false": did not expect "= false"`},
		"filter half":           {apiRequest{"GET", userPath + "/messages", "$filter=subject eq", nil, ""}, `query $filter: "subject eq": ends too early`},
		"filter no condition":   {apiRequest{"GET", userPath + "/messages", "$filter=subject", nil, ""}, `query $filter: "subject": want a comparison`},
		"filter function":       {apiRequest{"GET", userPath + "/messages", "$filter=substringof('x',subject)", nil, ""}, `query $filter: "substringof('x',subject)": substringof is no function`},
		"filter parenthesis":    {apiRequest{"GET", userPath + "/messages", "$filter=(isRead eq true", nil, ""}, `query $filter: "(isRead eq true": want ")"`},
		"search and filter":     {apiRequest{"GET", userPath + "/messages", `$search="x"&$filter=isRead eq true`, nil, ""}, "query $search: does not go together"},
		"search unquoted":       {apiRequest{"GET", userPath + "/messages", "$search=x", nil, ""}, `query $search: is "x", want a text in double quotes`},
		"expand plain":          {apiRequest{"GET", msgPath, "$expand=subject", nil, ""}, `query $expand: "subject" is a plain property`},
		"expand all extended":   {apiRequest{"GET", msgPath, "$expand=singleValueExtendedProperties", nil, ""}, "query $expand singleValueExtendedProperties: extended properties come only"},
		"expand bad id":         {apiRequest{"GET", msgPath, "$expand=singleValueExtendedProperties($filter=id eq 'Int 0x0e08')", nil, ""}, `query $expand singleValueExtendedProperties: "Int 0x0e08" is no id`},
		"expand bare tag":       {apiRequest{"GET", msgPath, "$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x8570')", nil, ""}, `query $expand singleValueExtendedProperties: "Integer 0x8570": tags from 0x8000`},
		"expand and":            {apiRequest{"GET", msgPath, "$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x1' and id eq 'Integer 0x2')", nil, ""}, "query $expand singleValueExtendedProperties: "},
		"delta filter":          {apiRequest{"GET", userPath + "/mailFolders/inbox/messages/delta", "$filter=isRead eq false", nil, ""}, "query $filter: is \"isRead eq false\"; delta takes"},
		"delta order":           {apiRequest{"GET", userPath + "/mailFolders/inbox/messages/delta", "$orderby=subject", nil, ""}, "query $orderby: is \"subject\"; delta takes"},
		"delta extended":        {apiRequest{"GET", userPath + "/mailFolders/inbox/messages/delta", "$expand=singleValueExtendedProperties($filter=id eq 'Integer 0x0e08')", nil, ""}, "query $expand: delta does not carry"},
		"delta latest":          {apiRequest{"GET", userPath + "/mailFolders/inbox/messages/delta", "$deltatoken=latest", nil, ""}, "query $deltatoken: latest does not work"},
		"delta change type":     {apiRequest{"GET", userPath + "/mailFolders/inbox/messages/delta", "changeType=moved", nil, ""}, `query changeType: is "moved", want one of created, updated, deleted`},
		"prefer unknown":        {apiRequest{"GET", userPath + "/messages", "", http.Header{"Prefer": {`IdType=ImmutableId`}}, ""}, `header Prefer: "IdType=ImmutableId" is not a known preference`},
		"if-match":              {apiRequest{"DELETE", msgPath, "", http.Header{"If-Match": {"CQAA"}}, ""}, `header If-Match: "CQAA" is no entity tag`},
		"no content type":       {apiRequest{"PATCH", msgPath, "", http.Header{}, `{"isRead":true}`}, "header Content-Type: is missing"},
		"wrong content type":    {apiRequest{"PATCH", msgPath, "", mimeHeader(), `{"isRead":true}`}, `header Content-Type: is "text/plain", want application/json`},
		"body missing":          {apiRequest{"POST", msgPath + "/move", "", nil, ""}, "body: is missing"},
		"body unwanted":         {apiRequest{"POST", msgPath + "/send", "", nil, "{}"}, "body: has 2 bytes, but"},
		"body no json":          {apiRequest{"PATCH", msgPath, "", nil, `{"isRead":true}}`}, "body: is not JSON"},
		"mime no base64":        {apiRequest{"POST", userPath + "/sendMail", "", mimeHeader(), "Subject: x"}, "body: is not base64"},
		"wrong type":            {apiRequest{"PATCH", msgPath, "", nil, `{"isRead":"true"}`}, "body /isRead: is of the type string, want boolean"},
		"wrong nested type":     {apiRequest{"PATCH", msgPath, "", nil, `{"toRecipients":[{"emailAddress":"a@b.c"}]}`}, "body /toRecipients/0/emailAddress: is of the type string, want object"},
		"unknown nested member": {apiRequest{"PATCH", msgPath, "", nil, `{"toRecipients":[{"emailAddress":{"mail":"a@b.c"}}]}`}, "body /toRecipients/0/emailAddress/mail: is no property of microsoft.graph.emailAddress"},
		"wrong letters":         {apiRequest{"PATCH", msgPath, "", nil, `{"IsRead":true}`}, `body /IsRead: is no property of microsoft.graph.message; it is written "isRead"`},
		"enum":                  {apiRequest{"PATCH", msgPath, "", nil, `{"flag":{"flagStatus":"Flagged"}}`}, `body /flag/flagStatus: is "Flagged", want one of notFlagged, complete, flagged`},
		"null list":             {apiRequest{"PATCH", msgPath, "", nil, `{"categories":null}`}, "body /categories: is null"},
		"null item":             {apiRequest{"PATCH", msgPath, "", nil, `{"categories":["a",null]}`}, "body /categories/1: is null"},
		"time":                  {apiRequest{"POST", userPath + "/mailFolders/inbox/messages", "", nil, `{"sentDateTime":"yesterday"}`}, "body /sentDateTime: is not of the format date-time"},
		"read-only":             {apiRequest{"POST", userPath + "/messages", "", nil, `{"isDraft":false}`}, "body /isDraft: cannot be set"},
		"headers later":         {apiRequest{"PATCH", msgPath, "", nil, `{"internetMessageHeaders":[{"name":"x-a","value":"b"}]}`}, "body /internetMessageHeaders: cannot be set"},
		"header name":           {apiRequest{"POST", userPath + "/messages", "", nil, `{"internetMessageHeaders":[{"name":"Received","value":"b"}]}`}, `body /internetMessageHeaders/0: is named "Received"`},
		"due without start":     {apiRequest{"PATCH", msgPath, "", nil, `{"flag":{"flagStatus":"flagged","dueDateTime":{"dateTime":"2026-01-01","timeZone":"UTC"}}}`}, "body /flag/dueDateTime: needs startDateTime"},
		"extended id":           {apiRequest{"PATCH", msgPath, "", nil, `{"singleValueExtendedProperties":[{"id":"Integer 1081","value":"1"}]}`}, `body /singleValueExtendedProperties/0/id: "Integer 1081" is no id`},
		"extended value":        {apiRequest{"PATCH", msgPath, "", nil, `{"singleValueExtendedProperties":[{"id":"Integer 0x1081","value":102}]}`}, "body /singleValueExtendedProperties/0/value: is of the type number, want string"},
		"extended value type":   {apiRequest{"PATCH", msgPath, "", nil, `{"singleValueExtendedProperties":[{"id":"Integer 0x1081","value":"reply"}]}`}, `body /singleValueExtendedProperties/0/value: "reply" is no value of`},
		"attachment type":       {apiRequest{"POST", msgPath + "/attachments", "", nil, `{"name":"a","contentBytes":"aGk="}`}, `body: lacks "@odata.type"`},
		"attachment bytes":      {apiRequest{"POST", msgPath + "/attachments", "", nil, `{"@odata.type":"#microsoft.graph.fileAttachment","contentBytes":"hi there"}`}, "body /contentBytes: is not of the format base64url"},
		"attachment foreign":    {apiRequest{"POST", msgPath + "/attachments", "", nil, `{"@odata.type":"#microsoft.graph.message"}`}, `body /@odata.type: is "#microsoft.graph.message", which is not`},
		"sendMail message":      {apiRequest{"POST", userPath + "/sendMail", "", nil, `{"saveToSentItems":true}`}, `body: lacks the required member "Message"`},
		"sendMail deep":         {apiRequest{"POST", userPath + "/sendMail", "", nil, `{"message":{"importance":"urgent"}}`}, `body /Message/importance: is "urgent"`},
		"destination":           {apiRequest{"POST", msgPath + "/move", "", nil, `{"destinationId":"Sent Items"}`}, "body /destinationId: is neither"},
		"destination missing":   {apiRequest{"POST", msgPath + "/copy", "", nil, `{}`}, "body: lacks destinationId"},
		"upload size":           {apiRequest{"POST", msgPath + "/attachments/createUploadSession", "", nil, `{"AttachmentItem":{"attachmentType":"file","name":"f"}}`}, `body /AttachmentItem: lacks the required member "size"`},
		"folder name":           {apiRequest{"POST", userPath + "/mailFolders", "", nil, `{"displayName":""}`}, "body: lacks a displayName"},
		"folder closed":         {apiRequest{"POST", userPath + "/mailFolders", "", nil, `{"displayName":"x","color":"red"}`}, "body /color: is no property of microsoft.graph.mailFolder"},
		"batch size":            {apiRequest{"POST", "/$batch", "", nil, `{"requests":[` + strings.Repeat(`{"id":"1","method":"GET","url":"/users/x"},`, 20) + `{"id":"2","method":"GET","url":"/users/x"}]}`}, "body /requests: has 21 items, at most 20"},
		"batch id":              {apiRequest{"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"GET","url":"/users/x"},{"id":"1","method":"GET","url":"/users/x"}]}`}, `body /requests/1/id: "1" is used before`},
		"batch number as id":    {apiRequest{"POST", "/$batch", "", nil, `{"requests":[{"id":1,"method":"GET","url":"/users/x"}]}`}, "body /requests/0/id: is of the type number, want string"},
		"batch url":             {apiRequest{"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"GET","url":"https://graph.microsoft.com/v1.0/users/x"}]}`}, "body /requests/0/url: is absolute"},
		"batch content type":    {apiRequest{"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"PATCH","url":"/users/x/messages/a","body":{"isRead":true}}]}`}, "body /requests/0/headers: lack Content-Type"},
		"batch depends":         {apiRequest{"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"GET","url":"/users/x","dependsOn":["2"]}]}`}, `body /requests/0/dependsOn: "2" is no earlier step`},
		"batch half depends":    {apiRequest{"POST", "/$batch", "", nil, `{"requests":[{"id":"1","method":"GET","url":"/a"},{"id":"2","method":"GET","url":"/a","dependsOn":["1"]},{"id":"3","method":"GET","url":"/a"}]}`}, "body /requests: 1 of 3 steps depend"},
	} {
		t.Run(name, func(t *testing.T) {
			got := violations(t, new(Validator), test.apiRequest)
			for _, v := range got {
				if strings.HasPrefix(v, test.want) {
					return
				}
			}
			t.Errorf("got %q, want one that begins with %q", got, test.want)
		})
	}
}

func TestValidatorImmutableIDs(t *testing.T) {
	v := &Validator{ImmutableIDs: true}
	list := apiRequest{method: "GET", path: userPath + "/mailFolders/inbox/messages"}
	if got := violations(t, v, list); len(got) != 1 || got[0] != `header Prefer: lacks IdType="ImmutableId"` {
		t.Errorf("without Prefer: got %q", got)
	}
	list.header = http.Header{"Prefer": {`IdType="ImmutableId"`, "odata.maxpagesize=10"}}
	if got := violations(t, v, list); got != nil {
		t.Errorf("with Prefer: got %q, want none", got)
	}
	if got := violations(t, v, apiRequest{method: "GET", path: userPath + "/mailFolders"}); got != nil {
		t.Errorf("folders: got %q, want none", got)
	}
}

func FuzzValidatorFilter(f *testing.F) {
	f.Add("categories/any(a:a eq 'x') and (isRead eq false or not contains(subject,'y'))")
	f.Add("singleValueExtendedProperties/any(ep:ep/id eq 'Integer 0xe23' and cast(ep/value,Edm.Int32) gt 100)")
	v := new(Validator)
	f.Fuzz(func(t *testing.T, expr string) {
		// Whatever it finds, it must come back and not panic.
		_ = v.Check("GET", userPath+"/messages", url.Values{"$filter": {expr}, "$expand": {expr}, "$orderby": {expr}}, nil, nil)
	})
}
