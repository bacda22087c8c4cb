//! One test of object_store's module `integration`: object-store-suite NAME. Settings: the AWS_ variables, and BUCKET.
use object_store::{aws::AmazonS3Builder, integration};

#[tokio::main]
async fn main() {
    let bucket = std::env::var("BUCKET").expect("BUCKET");
    let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_allow_http(true).build().unwrap();
    match std::env::args().nth(1).expect("NAME").as_str() {
        "put_get_delete_list" => integration::put_get_delete_list(&store).await,
        "get_opts" => integration::get_opts(&store).await,
        "get_nonexistent_object" => {
            integration::get_nonexistent_object(&store, None).await.unwrap_err();
        }
        "list_uses_directories_correctly" => integration::list_uses_directories_correctly(&store).await,
        "list_with_delimiter" => integration::list_with_delimiter(&store).await,
        "list_with_offset_exclusivity" => integration::list_with_offset_exclusivity(&store).await,
        "list_paginated" => integration::list_paginated(&store, &store).await,
        "rename_and_copy" => integration::rename_and_copy(&store).await,
        "put_get_attributes" => integration::put_get_attributes(&store).await,
        "stream_get" => integration::stream_get(&store).await,
        "multipart" => integration::multipart(&store, &store).await,
        name => panic!("no test {name}"),
    }
    println!("PASS");
}
