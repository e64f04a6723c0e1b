package modrepo

var (
	RetractionsOf = retractionsOf
	IsMajor       = isMajor
)
