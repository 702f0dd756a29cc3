package probe

// questions are the checks, in the order in which they are made: what looks at a folder
// as it was left comes before what fills it. Assumptions that a check is about are those
// that mail2graph works with.
var questions = []question{
	{"C1", "A mailbox outside of the app's scope", "403 with ErrorAccessDenied", "Name such a mailbox with --expect-denied ADDRESS; look at it once with an application access policy and once with RBAC for Applications.", outsideScope},
	{"C2", "An app without Mail permissions", "401 or 403, never 200", "Register a second app without permissions, put it into a copy of the configuration, and run doctor with that: note what reach answers.", nil},
	{"C3", "Users without a mailbox", "404 with ErrorInvalidUser, or MailboxNotEnabledForRESTAPI", "Try a guest, a user without a licence and one whose mailbox is on-premises: put each into a copy of the configuration and run doctor.", noSuchUser},
	{"C4", "A change with a stale If-Match", "412; mail2graph sends none", "", staleMatch},
	{"C5", "Order of a folder's list, and mail that arrives between two pages", "no order is relied on; pages may miss or repeat what changes", "", pages},
	{"C6", "More per page than the documented 1000", "mail2graph asks for at most 1000", "", tooMany},
	{"C7", "The archive folder of a fresh mailbox", "200, or 404 until it is first used", "Look at a mailbox that was made today.", archive},
	{"C8", "What makes a folder's change time and the delta of folders move", "neither is relied on", "", changeTime},
	{"C9", "Names of folders", "/ is allowed in a name; one that differs in letter case alone exists (409); 300 characters are refused", "", names},
	{"C10", "Deleting folders", "204; the folder is below Deleted Items with the same id", "Default folders are not touched here: in a throw-away mailbox try DELETE and move of Drafts with Graph Explorer.", deleteFolder},
	{"C11", "The size of a folder as Long 0x0e08", "not relied on", "", folderSize},
	{"C12", "Items in a folder that are no messages", "totalItemCount may be more than the list has", "Move a contact into Deleted Items with Outlook and compare totalItemCount with the list.", nil},
	{"C13", "$value with Range, and in a batch", "Range is ignored (200); $value is not batched", "", valueParts},
	{"C14", "Delta after a change of an extended property alone", "it need not show; a daily full list catches it", "", quietChange},
	{"C15", "A delta token that is no good", "410, or 400 with a sync state code: begin anew", "Keep a delta link for some weeks and ask it again.", badToken},
	{"C16", "How large a MIME may be in one request", "4 MB of request, planned for 3,000,000 octets of base64; anything but 201 is a failure", "For sendMail and importMime the same sizes have to be tried by hand.", sizes},
	{"C17", "The octets of $value: twice, after a flag change, after a move", "they may differ each time; what a client has begun to read stays the same by the cache", "Send messages with DKIM, S/MIME and rights management in from outside and compare.", octets},
	{"C18", "Internet headers when a message is made", "only x- names, at most five; the rest is refused with 400", "", headers},
	{"C19", "Attachments of a message that is no draft", "POST attachments and upload sessions work", "", attachments},
	{"C20", "Changes of a message that is no draft", "isRead, flag, categories and extended properties can be changed; the subject perhaps not after 2026-12-31", "", sensitive},
	{"C21", "isRead on mail that asks for a receipt", "a receipt may be sent", "Send a mail with a request for a read receipt in, mark it as read over IMAP, and see whether a receipt arrives.", nil},
	{"C22", "Where DELETE puts a message", "Deleted Items; from there to the recoverable items; permanentDelete: nowhere", "", deleteMessage},
	{"C23", "PidTagInternetArticleNumber (0x0E23)", "used as a tie-break of the first listing alone: may be absent, late, or change", "Edit a subject in Outlook and save a draft twice, and look at it again.", articleNumber},
	{"C24", "Drafts of MIME: Bcc, From, Message-ID; sending", "Bcc and Message-ID are kept; a sent draft keeps its immutable id", "What recipients see of a foreign From and an alias has to be looked at in their mailboxes.", draftAndSend},
}
