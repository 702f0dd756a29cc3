package graphsim

import (
	"fmt"
	"net/http"
)

// apiError is an error answer of Graph (graph/errors, §2.4, §15).
type apiError struct {
	Status     int
	Code       string
	Message    string
	RetryAfter string // value of the header, "" for none
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func errMalformedID() *apiError {
	return fail(http.StatusBadRequest, "ErrorInvalidIdMalformed", "Id is malformed.")
}

func errItemNotFound() *apiError {
	return fail(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store.")
}

func errInvalidUser(user string) *apiError {
	return fail(http.StatusNotFound, "ErrorInvalidUser", "The requested user '%s' is invalid.", user)
}

func errOnPremises() *apiError {
	return fail(http.StatusNotFound, "MailboxNotEnabledForRESTAPI",
		"The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
}

func errAccessDenied() *apiError {
	return fail(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

func errBadRequest(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, "BadRequest", format, args...)
}

func errProperty(name, typ string) *apiError {
	return errBadRequest("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.",
		name, typ)
}

func errBody(format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, "UnableToDeserializePostBody", "were unable to deserialize: "+format, args...)
}

func errConflict() *apiError {
	return fail(http.StatusPreconditionFailed, "ErrorIrresolvableConflict",
		"The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.")
}

func errFolderExists() *apiError {
	return fail(http.StatusConflict, "ErrorFolderExists", "A folder with the specified name already exists.")
}

func errNotSupported() *apiError {
	return fail(http.StatusMethodNotAllowed, "ErrorInvalidRequest", "The OData request is not supported.")
}

func errQuota() *apiError {
	return fail(http.StatusInsufficientStorage, "ErrorQuotaExceeded", "The mailbox has exceeded its quota.")
}

func errTooLarge() *apiError {
	return fail(http.StatusRequestEntityTooLarge, "ErrorMessageSizeExceeded",
		"The message exceeds the maximum supported size.")
}
