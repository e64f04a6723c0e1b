package bucket_test

const largeVariable = "VANITY_TEST_LARGE"

func moveLarge(spec string) int { return 0 }
